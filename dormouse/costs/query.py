"""What is asked about costs: a window, how it is grouped, and what is left out. Pure."""

from dataclasses import dataclass
from enum import StrEnum

UTC_ZONE = "UTC"


class GroupBy(StrEnum):
    """What a row of a cost report stands for; `part`: a machine, or one fee of an environment."""

    ENVIRONMENT = "environment"
    OWNER = "owner"
    BLUEPRINT = "blueprint"
    DAY = "day"
    PART = "part"
    ENVIRONMENT_DAY = "environment-day"


DAILY = frozenset({GroupBy.DAY, GroupBy.ENVIRONMENT_DAY})


@dataclass(frozen=True, slots=True)
class CostQuery:
    """A window from `began` up to, but without, `ended` (seconds since 1970), in an IANA time zone; "" selects everything.

    `zone` is that of days and months; amounts do not depend on it.
    """

    began: float
    ended: float
    zone: str = UTC_ZONE
    group_by: GroupBy = GroupBy.ENVIRONMENT
    environment: str = ""
    owner: str = ""
    blueprint: str = ""
