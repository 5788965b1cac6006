"""Parsing schedules: days, hours, stop times and a time zone, in the spellings that users write."""

import re
from collections.abc import Iterator
from datetime import date

from dormouse.idle.schedules.schedule import DAYS, LONGEST, OffAt, OnHours, Schedule
from dormouse.idle.schedules.time_zones import read_zone
from dormouse.text.spelling import nearest

DAY_MINUTES = 24 * 60  # minutes
EXAMPLE = "mon-fri 08:00-19:00, sat 10:00-14:00 Europe/Berlin"
EVERY_DAY = frozenset(range(len(DAYS)))
GROUPS = {
    **dict.fromkeys(("weekday", "weekdays", "workday", "workdays"), frozenset(range(5))),
    **dict.fromkeys(("weekend", "weekends"), frozenset((5, 6))),
    **dict.fromkeys(("daily", "everyday", "every day"), EVERY_DAY),
}
SPELLINGS = (
    *("mo mon monday mondays", "tu tue tues tuesday tuesdays", "we wed weds wednesday wednesdays"),
    *("th thu thur thurs thursday thursdays", "fr fri friday fridays", "sa sat saturday saturdays", "su sun sunday sundays"),
)
NAMES = {name: number for number, names in enumerate(SPELLINGS) for name in names.split()}

# All Unicode dashes and quotation marks are accepted, and "to" between two days or times.
DASHES, QUOTES = re.compile(r"[\u2010-\u2015\u2212]"), " \"'`\u201c\u201d\u2018\u2019"
AROUND_DASHES = re.compile(r"(?<=[a-z0-9.]) ?(?:-|\b(?:to|till|until|through)\b) ?(?=\d|[a-z]{2,9}\b)", re.IGNORECASE)
ONE, SOME = "|".join(NAMES), "|".join(GROUPS)
SPAN = re.compile(rf"(?:({ONE})\b\.?(?:-({ONE})\b\.?)?|({SOME})\b)(?![/_-])(?:: ?| |$)", re.IGNORECASE)
ON = re.compile(r"(?:on|from) ", re.IGNORECASE)
CLOCK = r"\d{1,2}[:.h][0-5]\d(?:[:.]00)?(?: ?[ap]\.?m\b\.?)?|\d{1,2} ?[ap]\.?m\b\.?|[0-2]\d[0-5]\d|\d{1,2}h"
HOURS = re.compile(rf"({CLOCK})-({CLOCK})(?: |$)", re.IGNORECASE)
OFF = re.compile(rf"(?:off|stop)(?: at)? ({CLOCK})(?: |$)", re.IGNORECASE)
SEPARATORS = re.compile(rf"[,;]|\band\b(?= (?:\d|off|stop|on |{ONE}|{SOME}))", re.IGNORECASE)
TIME = re.compile(r"(\d{1,2})[:.h]?(\d\d)?[^ap]*([ap])?.*")
UNREAD = re.compile(r"\d|(?:off|stop)\b", re.IGNORECASE)
LIKE_HOURS = re.compile(r"\d.*-.*\d|\d\d?:\d\d|\b(?:off|stop)\b|\d ?[ap]m", re.IGNORECASE)


def parse_schedule(text: str, holidays: frozenset[date]) -> Schedule:
    """The schedule that a text describes; raises ValueError with all errors in one sentence."""
    if len(text) > LONGEST:
        raise ValueError(f"a schedule has at most {LONGEST} characters")
    plain = DASHES.sub("-", " ".join(text.split())).strip(QUOTES)
    parser = _Parser()
    for part in SEPARATORS.split(AROUND_DASHES.sub("-", plain)):
        parser.add(part.strip())
    faults = list(parser.errors())
    if faults:
        raise ValueError(f"invalid schedule: {'; '.join(faults)} (example: {EXAMPLE})")
    return Schedule(tuple(parser.hours), next(iter(parser.zones)), holidays, tuple(parser.offs))


class _Parser:
    """Collects the hours, stop times, zones and errors of a schedule, part by part."""

    def __init__(self) -> None:
        self.hours, self.offs, self.zones = list[OnHours](), list[OffAt](), dict[str, str]()
        self._faults = list[str]()
        # Days whose hours follow (`mon, tue 08:00-12:00`), and days of the last hours (`mon 8:00-12:00, 13:00-17:00`).
        self._pending, self._last = frozenset[int](), frozenset[int]()

    def add(self, part: str) -> None:
        """Parse one part: days, then hours or stop times, then a zone, each of them optional."""
        days, rest = _days(part)
        times, rest = _times(rest)
        if not days:
            days, rest = _days(rest)
        if UNREAD.match(rest) if times else rest if days else LIKE_HOURS.search(rest):
            self._faults.append(f"cannot parse {part!r}; write it like 'mon-fri 08:00-19:00' or 'off at 19:00'{_hint(part)}")
            return
        self._pending |= days
        for time in times:
            self._add_time(time, part.removesuffix(rest).strip())
        if times:
            self._last, self._pending = self._pending or self._last, frozenset()
        if _days(rest)[0]:
            self.add(rest)
        elif rest:
            self._add_zone(rest)

    def _add_time(self, time: re.Match[str], text: str) -> None:
        try:
            moments = _moments(time)
        except ValueError as error:
            self._faults.append(f"{text!r} {error}")
            return
        days = self._pending or (self._last if len(moments) > 1 else EVERY_DAY)
        if not days:
            self._faults.append(f"{text!r} has no days; write 'daily' or 'mon-fri' before the hours")
        elif moments == [0] and days != EVERY_DAY:
            self._faults.append(f"{text!r} is the beginning of the day; write 24:00 for its end")
        elif len(moments) == 1:
            self.offs.append(OffAt(days, moments[0]))
        else:
            begin, end = moments
            self.hours.append(OnHours(days, begin, end if end > begin else end + DAY_MINUTES))

    def _add_zone(self, text: str) -> None:
        try:
            self.zones[read_zone(text)] = text
        except ValueError as error:
            self._faults.append(str(error))

    def errors(self) -> Iterator[str]:
        """All errors, once every part has been added."""
        yield from self._faults
        if self._pending:
            yield f"no hours for {', '.join(DAYS[day] for day in sorted(self._pending))}"
        if len(self.zones) > 1:
            yield f"more than one time zone: {', '.join(self.zones)}"
        if not self._faults and not self.zones:
            yield "the time zone is missing; add one like Europe/Berlin or UTC at the end"
        if not self._faults and not self.hours and not self.offs:
            yield "neither hours like 08:00-19:00 nor a stop time like 'off at 19:00'"


def _days(text: str) -> tuple[frozenset[int], str]:
    """The days at the beginning of a text, and the rest."""
    days, rest = frozenset[int](), _without_on(text)
    while match := SPAN.match(rest):
        rest = rest[match.end() :]
        if match[3]:
            days |= GROUPS[match[3].lower()]
            continue
        first = NAMES[match[1].lower()]
        count = (NAMES[(match[2] or match[1]).lower()] - first) % len(DAYS) + 1
        days |= {(first + number) % len(DAYS) for number in range(count)}
    return days, rest


def _times(text: str) -> tuple[list[re.Match[str]], str]:
    """The hours and stop times at the beginning of a text, and the rest."""
    found, rest = list[re.Match[str]](), _without_on(text)
    while match := HOURS.match(rest) or OFF.match(rest):
        found.append(match)
        rest = rest[match.end() :]
    return found, rest


def _without_on(text: str) -> str:
    """A text without `on` or `from` at its beginning."""
    on = ON.match(text)
    return text[on.end() :] if on else text


def _moments(time: re.Match[str]) -> list[int]:
    """The minutes since midnight of hours or of a stop time; raises ValueError that says what is wrong."""
    clocks = [TIME.fullmatch(text.lower()) for text in time.groups()]
    read = [(int(clock[1]), int(clock[2] or 0), clock[3]) for clock in clocks if clock]
    if len({bool(half) for _, _, half in read}) > 1:
        raise ValueError("has am or pm at only one of its times")
    if any(half and not 1 <= hour <= 12 for hour, _, half in read):
        raise ValueError("has a time with am or pm that is not between 1 and 12")
    moments = [(hour % 12 + 12 * (half == "p") if half else hour) * 60 + minute for hour, minute, half in read]
    if max(moments) > DAY_MINUTES or (len(moments) > 1 and moments[0] == DAY_MINUTES):
        raise ValueError("has a time after 24:00")
    if len(moments) > 1 and moments[0] == moments[1]:
        raise ValueError("begins and ends at the same time; a whole day is 00:00-24:00")
    return moments


def _hint(part: str) -> str:
    """What the user probably meant: hours without minutes, or a misspelt day."""
    bare = re.search(r"[a-z.] (\d{1,2})-(\d{1,2})(?!\S)", part.lower())
    if bare:
        return f"; write {int(bare[1]):02}:00-{int(bare[2]):02}:00"
    words = [word for word in re.split(r"[ \-.:]+", part.lower()) if word.isalpha() and word not in NAMES]
    near = next((found for word in words if (found := nearest(word, (*NAMES, *GROUPS)))), "")
    return f"; did you mean {near!r}?" if near else ""
