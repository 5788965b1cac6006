"""The setting ACTIVITY_URL: one service for all machines, or one for each of several scopes."""

from dormouse.idle.outside.services import ActivityService
from dormouse.resources.compute.machines import read_scopes
from dormouse.settings.readers import read_origin

NONE = "none"
FORM = "is not like https://busy.example.com/gpus, or SCOPE=URL with commas between, or SCOPE=none"


def read_activity_services(text: str) -> tuple[ActivityService, ...]:
    """The services in a text: `URL`, or `SCOPE=URL` and `SCOPE=none` with commas between; raises ValueError.

    Errors do not contain URLs, which may be secrets.
    """
    services = tuple(_service_in(part.strip()) for part in text.split(",") if part.strip())
    scopes = [service.scope for service in services]
    if len(set(scopes)) < len(scopes):
        raise ValueError("has several services for one scope")
    return services


def _service_in(part: str) -> ActivityService:
    if not part.startswith("/"):
        return ActivityService("", _url(part))
    scope, _, url = part.partition("=")
    (scope,) = read_scopes(scope)
    return ActivityService(scope, "" if url.strip() == NONE else _url(url.strip()))


def _url(text: str) -> str:
    try:
        read_origin(text)
    except ValueError:
        raise ValueError(FORM) from None
    return text
