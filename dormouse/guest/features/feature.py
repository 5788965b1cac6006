"""What a feature is to a machine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from dormouse.guest.files import GuestFile

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class GuestFeature(Generic[F]):
    """What one feature adds to a machine; each part is made from the data of the feature.

    `files` are written at the first boot. `enabled` names the units that start at every later boot, `started` those that
    the first boot starts too. `settle` is a bash text that waits for others who use apt, and `install` the bash text that
    installs the feature; $admin and $home are the administrator's name and folder, and `apt` is apt-get that waits for
    locks. Both may run again. `checks` are the health checks, as the bash text that says the result of each.
    """

    files: Callable[[F], Sequence[GuestFile]] = lambda feature: ()
    enabled: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    settle: str = ""
    install: Callable[[F], str] = lambda feature: ""
    checks: Callable[[F], Mapping[str, str]] = lambda feature: {}
