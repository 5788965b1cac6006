"""Where an environment is built, and with which VM size. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """A region, a VM size and an availability zone; "" for a size or zone that the spec does not choose."""

    region: str
    size: str = ""
    zone: str = ""

    def in_words(self) -> str:
        """The placement, as "Standard_D4s_v5 in zone 1 of westeurope"."""
        place = f"zone {self.zone} of {self.region}" if self.zone else self.region
        return f"{self.size} in {place}" if self.size else place
