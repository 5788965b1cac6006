"""What agents are answered to a heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.services.views.schema import schema
from dormouse.text.doc import doc


@schema("HeartbeatWarning")
@dataclass(frozen=True, slots=True)
class WarningView:
    """A warning that the agent shows to the users of the machine."""

    id: Annotated[str, doc("The ID of the warning.", "01JABCDEFGHJKMNPQRSTVWXYZ0")]
    text: Annotated[str, doc("What to show.", "This machine is idle and will be stopped in 15 minutes.")]
    stop_in_seconds: Annotated[float, doc("In how many seconds the machine will be stopped.", 900.0)]


@schema("HeartbeatHold")
@dataclass(frozen=True, slots=True)
class HeartbeatHold:
    """The hold that lasts longest, of those on record and those made on the machine."""

    by: Annotated[str, doc("The user who set it.", "alice")]
    reason: Annotated[str, doc("Why.", "a long run")]
    until_in_seconds: Annotated[float, doc("In how many seconds it ends.", 3600.0)]


@schema("HeartbeatAnswer")
@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """What an agent is told in return; times are relative, because the clock of the machine may be wrong."""

    next_in_seconds: Annotated[int, doc("In how many seconds to send the next heartbeat.", 300)]
    confirmed: Annotated[bool, doc("Whether the heartbeat was stored.", True)]
    warning: Annotated[
        WarningView | None,
        doc("The warning to show; null if there is none.", {"id": "w1", "text": "Idle.", "stop_in_seconds": 900.0}),
    ]
    hold: Annotated[
        HeartbeatHold | None,
        doc("The hold; null if there is none.", {"by": "alice", "reason": "a long run", "until_in_seconds": 3600.0}),
    ]
