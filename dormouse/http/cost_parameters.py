"""Query parameters of /costs; those with a date are in the time zone of the request."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import azure.functions as func

from dormouse.clock import DAY
from dormouse.costs.months import month_began_in, next_month_in
from dormouse.costs.query import UTC_ZONE, CostQuery, GroupBy
from dormouse.errors import InvalidRequest
from dormouse.http.parameters import Parameter
from dormouse.idle.schedules.time_zones import read_zone

LONGEST_DAYS = 400
LATEST = 253402300799.0 - DAY
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
WRONG = "a date such as 2026-05-01, or an RFC 3339 timestamp such as 2026-05-01T12:00:00Z"


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(WRONG) from None
    return text


def _group(text: str) -> GroupBy:
    try:
        return GroupBy(text)
    except ValueError:
        raise ValueError(f"one of {', '.join(GroupBy)}") from None


FROM = Parameter(
    "from",
    "Where the window begins: a date in `zone`, or an RFC 3339 timestamp. Default: the first of the current month.",
    {"type": "string"},
    _moment,
    "",
)
TO = Parameter(
    "to",
    "Where the window ends: a date in `zone`, whose day is not in it, or an RFC 3339 timestamp. Default: now.",
    {"type": "string"},
    _moment,
    "",
)
ZONE = Parameter("zone", "The IANA time zone of days and months.", {"type": "string", "default": "UTC"}, read_zone, UTC_ZONE)
GROUP_BY = Parameter(
    "group_by",
    "What a row stands for.",
    {"type": "string", "enum": list(GroupBy), "default": GroupBy.ENVIRONMENT},
    _group,
    GroupBy.ENVIRONMENT,
)
OF_ENVIRONMENT = Parameter("environment", "Count only this environment.", {"type": "string"}, str, "")
OF_OWNER = Parameter(
    "owner", "Count only what belonged to this owner (`unattributed`: to none).", {"type": "string"}, str, ""
)
OF_BLUEPRINT = Parameter("blueprint", "Count only environments of this blueprint.", {"type": "string"}, str, "")


def cost_query_of(req: func.HttpRequest, now: float) -> CostQuery:
    """What a request asks about costs; raises InvalidRequest for a window that is empty, too long, or in the future."""
    zone = ZONE.of(req)
    began = _at(FROM.of(req), zone) if FROM.of(req) else month_began_in(now, zone)
    ended = min(_at(TO.of(req), zone), next_month_in(now, zone)) if TO.of(req) else now
    if began >= ended:
        raise InvalidRequest("`from` must be before `to`, and in the past.")
    if ended - began > LONGEST_DAYS * DAY:
        raise InvalidRequest(f"The window from `from` to `to` must not be longer than {LONGEST_DAYS} days.")
    names = (OF_ENVIRONMENT.of(req), OF_OWNER.of(req), OF_BLUEPRINT.of(req))
    return CostQuery(began, ended, zone, GROUP_BY.of(req), *names)


def _at(text: str, zone: str) -> float:
    """The moment of a text; a date is midnight in the zone."""
    place = ZoneInfo(zone)
    if DATE.fullmatch(text):
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=place).timestamp()
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=place)).timestamp()
