"""Sending warnings and other notifications."""

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
    """Record a warning, so that the agent shows it, and send it to the webhooks; an undelivered one is sent again."""
    records, now = MachineRecords(cloud.tables), cloud.now()
    warned = await _record(request, records, now)
    link = snooze_link(cloud.settings.control_plane_url, request.machine.key, warned.token)
    notification = Notification("warned", request.machine.id, request.machine.name, warned.text, now)
    delivery = Delivery() if warned.delivered_at else await Webhooks(cloud).send(notification, link=link)
    why = "; ".join(delivery.failed) or "no webhook is configured, and no terminal has shown it"

    def with_delivery(tracked: TrackedMachine | None) -> TrackedMachine:
        assert tracked is not None
        if tracked.warning is None or tracked.warning.id != warned.id or tracked.warning.delivered_at:
            return tracked
        warning = (
            replace(tracked.warning, delivered_at=now) if delivery.delivered else replace(tracked.warning, undelivered=why)
        )
        return replace(tracked, warning=warning)

    await records.change_tracked(request.machine.key, with_delivery)
    return delivery


async def _record(request: PlannedAction, records: MachineRecords, now: float) -> PendingWarning:
    """The warning on record: the existing one if it has the same reason, with a new deadline if it is undelivered."""
    fresh = PendingWarning(
        id=secrets.token_hex(8),
        reason=request.reason,
        text=f"{request.machine.name}: {request.then} {request.verdict_reason}",
        given_at=now,
        stop_at=request.at,
        token=secrets.token_urlsafe(16),
    )

    def with_warning(tracked: TrackedMachine | None) -> TrackedMachine:
        assert tracked is not None
        known = tracked.warning
        same = known is not None and known.reason is request.reason
        if known is not None and same and known.stop_at == request.at:
            return tracked  # this activity has run before
        if known is not None and same and not known.delivered_at:
            return replace(tracked, warning=replace(known, text=fresh.text, stop_at=request.at))
        return replace(tracked, warning=fresh)

    recorded = (await records.change_tracked(request.machine.key, with_warning)).warning
    assert recorded is not None
    return recorded


async def send_notifications(request: NotificationRequest, cloud: Cloud) -> Delivery:
    """Send a notification to the configured webhooks; the result says which ones failed."""
    return await Webhooks(cloud).send(request.notification, channels=request.channels)
