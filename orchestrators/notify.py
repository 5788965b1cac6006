"""Telling people what happens, which nothing waits for."""

from collections.abc import Sequence

import azure.durable_functions as df

from activities.notifications import send_notifications
from dormouse.notifications.notification import Delivery, Notification, NotificationRequest
from orchestrators.durable import Context, Orchestration, run_each, sleep

TOLD_ONE_BY_ONE = 5
# People are told soon or not at all.
TELLING, TIMES, APART = df.RetryOptions(5_000, 3), 3, 5.0


def notify(context: Context, notices: Sequence[Notification]) -> Orchestration[None]:
    """Tell people; many notices become one, for nobody reads a hundred. Who cannot be told blocks nobody."""
    if len(notices) > TOLD_ONE_BY_ONE:
        words = "; ".join(f"{notification.name}: {notification.event}" for notification in notices)
        notices = [Notification("many", "", f"{len(notices)} machines", words, notices[0].at)]
    tellings = [NotificationRequest(notification) for notification in notices]
    for time in range(TIMES):
        if tellings and time:
            yield from sleep(context, APART)
        told = yield from run_each(context, [(send_notifications, telling) for telling in tellings], TELLING)
        # A place that was reached is not told again because another one was not.
        tellings = [
            NotificationRequest(telling.notification, delivery.again)
            for telling, delivery in zip(tellings, told, strict=True)
            if isinstance(delivery, Delivery) and delivery.again
        ]
