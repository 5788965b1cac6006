"""Sending notifications, which never blocks an operation."""

from collections.abc import Sequence

import azure.durable_functions as df

from activities.notifications import send_notifications
from dormouse.notifications.notification import Delivery, Notification, NotificationRequest
from orchestrators.durable import Context, Orchestration, run_each, sleep

MOST_SINGLE = 5
# A late notification is worse than none.
NOTIFY_RETRIES, ATTEMPTS, PAUSE_SECONDS = df.RetryOptions(5_000, 3), 3, 5.0


def notify(context: Context, notifications: Sequence[Notification]) -> Orchestration[None]:
    """Send notifications, combined into one if there are many; a failed delivery never blocks the operation."""
    if len(notifications) > MOST_SINGLE:
        words = "; ".join(f"{notification.name}: {notification.event}" for notification in notifications)
        notifications = [Notification("many", "", f"{len(notifications)} machines", words, notifications[0].at)]
    requests = [NotificationRequest(notification) for notification in notifications]
    for attempt in range(ATTEMPTS):
        if requests and attempt:
            yield from sleep(context, PAUSE_SECONDS)
        deliveries = yield from run_each(context, [(send_notifications, request) for request in requests], NOTIFY_RETRIES)
        # Repeat only for the channels that failed.
        requests = [
            NotificationRequest(request.notification, delivery.again)
            for request, delivery in zip(requests, deliveries, strict=True)
            if isinstance(delivery, Delivery) and delivery.again
        ]
