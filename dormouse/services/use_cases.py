"""The use cases, each with the permission that it takes and the rate limit that it counts against.

HTTP routes and chat commands refer to these, so that both admit the same callers.
"""

from dataclasses import dataclass
from enum import StrEnum

from dormouse.access.roles import Permission


class Limit(StrEnum):
    """The rate limit that a use case counts against: what calls Azure is limited per caller."""

    NONE = "none"
    READS = "reads"
    COMMANDS = "commands"


@dataclass(frozen=True, slots=True)
class UseCase:
    """What callers may ask for: the permission that it takes, and its rate limit."""

    permission: Permission
    limit: Limit = Limit.NONE


PUBLIC = UseCase(Permission.NOTHING)
LIST_BLUEPRINTS = UseCase(Permission.LOOK, Limit.READS)
LIST_SIZES = UseCase(Permission.LOOK, Limit.READS)
SHOW_ENVIRONMENT = UseCase(Permission.LOOK, Limit.READS)
LIST_ENVIRONMENTS = UseCase(Permission.LOOK, Limit.COMMANDS)
APPLY_ENVIRONMENT = UseCase(Permission.OWN, Limit.COMMANDS)
CHANGE_POWER = UseCase(Permission.OWN, Limit.COMMANDS)
RESIZE_ENVIRONMENT = UseCase(Permission.OWN, Limit.COMMANDS)
DELETE_ENVIRONMENT = UseCase(Permission.OWN, Limit.COMMANDS)
ROTATE_PASSWORD = UseCase(Permission.OWN, Limit.COMMANDS)
PROMOTE_IMAGE = UseCase(Permission.OWN, Limit.COMMANDS)
LOCATE_PASSWORD = UseCase(Permission.OWN)
KEEP_ENVIRONMENT = UseCase(Permission.OWN)
SHOW_OPERATIONS = UseCase(Permission.LOOK)
SHOW_RESULT = UseCase(Permission.LOOK, Limit.READS)
CANCEL_OPERATION = UseCase(Permission.OWN)
SHOW_MACHINES = UseCase(Permission.LOOK)
REPORT_ACTIVITY = UseCase(Permission.REPORT, Limit.COMMANDS)
KEEP_MACHINE = UseCase(Permission.OPERATE)
ADOPT_MACHINE = UseCase(Permission.OPERATE, Limit.COMMANDS)
RUN_SWEEP = UseCase(Permission.OPERATE, Limit.COMMANDS)
SHOW_SWEEP = UseCase(Permission.LOOK)
SHOW_OVERVIEW = UseCase(Permission.LOOK)
SHOW_ME = UseCase(Permission.LOOK)
SHOW_COSTS = UseCase(Permission.LOOK, Limit.READS)
SHOW_FINDINGS = UseCase(Permission.LOOK, Limit.READS)
