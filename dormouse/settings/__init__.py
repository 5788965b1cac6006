"""Settings: environment variables, parsed once into typed values, with every fault reported at once."""

from dormouse.settings.fields import SettingsError
from dormouse.settings.readers import HttpAuth
from dormouse.settings.settings import Settings, wants_keys

__all__ = ["HttpAuth", "Settings", "SettingsError", "wants_keys"]
