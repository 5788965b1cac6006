"""Activity services: which of an organisation's services is asked whether a machine is in use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class ActivityService:
    """A service that sweeps ask about the machines below a scope ("": all machines); without a URL, none is asked.

    `scope` is the ID of a subscription or resource group in lower case. The URL may be a secret.
    """

    scope: str
    url: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """How it is called to people: by its host."""
        return f"the activity service {urlsplit(self.url).hostname}"

    def covers(self, identifier: str) -> bool:
        """Whether a resource ID is below its scope."""
        return not self.scope or f"{identifier.lower()}/".startswith(f"{self.scope}/")


def service_for(services: Sequence[ActivityService], identifier: str) -> ActivityService | None:
    """The service that is asked about a machine: that of the narrowest scope; None if none is."""
    covering = [service for service in services if service.covers(identifier)]
    narrowest = max(covering, key=lambda service: len(service.scope), default=None)
    return narrowest if narrowest is not None and narrowest.url else None
