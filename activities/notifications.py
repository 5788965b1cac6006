"""What people are told: warnings before a machine is stopped, and what has happened."""

import secrets
from dataclasses import replace

from dormouse.cloud.clients import Cloud
from dormouse.idle.snooze import snooze_link
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import PendingWarning, TrackedMachine
from dormouse.notifications.notification import Delivery, Notification, NotificationRequest
from dormouse.notifications.webhooks import Webhooks
from dormouse.records.machines import MachineRecords


async def warn_machine(request: PlannedAction, cloud: Cloud) -> Delivery:
    """Write the warning down, where the agent finds it, and tell it wherever people are told; again, if nobody heard it."""
    records, now = MachineRecords(cloud.tables), cloud.now()
    warned = await _written(request, records, now)
    link = snooze_link(cloud.settings.control_plane_url, request.machine.key, warned.token)
    notification = Notification("warned", request.machine.id, request.machine.name, warned.text, now)
    told = Delivery() if warned.delivered_at else await Webhooks(cloud).send(notification, link=link)
    why = "; ".join(told.failed) or "no webhook is set, and the agent has not shown it yet"

    def noted(memory: TrackedMachine | None) -> TrackedMachine:
        assert memory is not None
        if memory.warning is None or memory.warning.id != warned.id or memory.warning.delivered_at:
            return memory
        heard = replace(memory.warning, delivered_at=now) if told.delivered else replace(memory.warning, undelivered=why)
        return replace(memory, warning=heard)

    await records.change_tracked(request.machine.key, noted)
    return told


async def _written(request: PlannedAction, records: MachineRecords, now: float) -> PendingWarning:
    """The warning on record: the same as before if it is for the same reason, with a new end if nobody has heard it."""
    fresh = PendingWarning(
        id=secrets.token_hex(8),
        reason=request.reason,
        text=f"{request.machine.name}: {request.verdict_reason} {request.then}",
        given_at=now,
        stop_at=request.at,
        token=secrets.token_urlsafe(16),
    )

    def warned(memory: TrackedMachine | None) -> TrackedMachine:
        assert memory is not None
        known = memory.warning
        same = known is not None and known.reason is request.reason
        if known is not None and same and known.stop_at == request.at:
            return memory  # this very activity has run before
        if known is not None and same and not known.delivered_at:
            return replace(memory, warning=replace(known, text=fresh.text, stop_at=request.at))
        return replace(memory, warning=fresh)

    written = (await records.change_tracked(request.machine.key, warned)).warning
    assert written is not None
    return written


async def send_notifications(request: NotificationRequest, cloud: Cloud) -> Delivery:
    """Tell people what happened, wherever the settings say; what was not reached is in the answer."""
    return await Webhooks(cloud).send(request.notification, places=request.channels)
