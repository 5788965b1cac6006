"""Schedules as people write them: days, hours, moments of stopping, and the time zone that they are on the clocks of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from dormouse.idle.time_zones import read_zone
from dormouse.text.spelling import nearest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60  # minutes
# The value of a tag: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
LONGEST = 256  # characters
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

# Whatever looks like a dash or a quotation mark is one, and so is "to" between two days or times.
DASHES, QUOTES = re.compile(r"[\u2010-\u2015\u2212]"), " \"'`\u201c\u201d\u2018\u2019"
AROUND_DASHES = re.compile(r"(?<=[a-z0-9.]) ?(?:-|\b(?:to|till|until|through)\b) ?(?=\d|[a-z]{2,9}\b)", re.IGNORECASE)
ONE, SOME = ("|".join(sorted(names, key=len, reverse=True)) for names in (NAMES, GROUPS))
SPAN = re.compile(rf"(?:({ONE})\b\.?(?:-({ONE})\b\.?)?|({SOME})\b)(?![/_-])(?:: ?| |$)", re.IGNORECASE)
ON = re.compile(r"(?:on|from) ", re.IGNORECASE)
CLOCK = r"\d{1,2}[:.h][0-5]\d(?:[:.]00)?(?: ?[ap]\.?m\b\.?)?|\d{1,2} ?[ap]\.?m\b\.?|[0-2]\d[0-5]\d|\d{1,2}h"
HOURS = re.compile(rf"({CLOCK})-({CLOCK})(?: |$)", re.IGNORECASE)
OFF = re.compile(rf"(?:off|stop)(?: at)? ({CLOCK})(?: |$)", re.IGNORECASE)
SEPARATORS = re.compile(rf"[,;]|\band\b(?= (?:\d|off|stop|on |{ONE}|{SOME}))", re.IGNORECASE)
TIME = re.compile(r"(\d{1,2})[:.h]?(\d\d)?[^ap]*([ap])?.*")
UNREAD = re.compile(r"\d|(?:off|stop)\b", re.IGNORECASE)
LIKE_HOURS = re.compile(r"\d.*-.*\d|\d\d?:\d\d|\b(?:off|stop)\b|\d ?[ap]m", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OnHours:
    """Hours that begin on some days of the week (0 is Monday), in minutes since midnight; past 1,440 is a day later."""

    days: frozenset[int]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class OffAt:
    """A moment on some days of the week, in minutes since midnight, at which a machine is to be off."""

    days: frozenset[int]
    at: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Weekly on-hours and moments of stopping on the clocks of an IANA time zone; on-hours begin on no holiday."""

    hours: tuple[OnHours, ...]
    zone: str
    holidays: frozenset[date] = field(default_factory=frozenset)
    offs: tuple[OffAt, ...] = ()


def read_schedule(text: str, holidays: frozenset[date] = frozenset()) -> Schedule:
    """Read a schedule as people write it: `mon-fri 08:00-19:00 Europe/Berlin`, or `off at 19:00 UTC`, which starts nothing.

    Raises `ValueError`, with everything that is wrong in one sentence; texts longer than a tag can hold are not read.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a schedule has {LONGEST} characters at most")
    plain = DASHES.sub("-", " ".join(text.split())).strip(QUOTES)
    reading = _Reading()
    for part in SEPARATORS.split(AROUND_DASHES.sub("-", plain)):
        if part.strip():
            reading.take(part.strip())
    faults = list(reading.end())
    if faults:
        raise ValueError(f"not a schedule like {EXAMPLE!r}: {'; '.join(faults)}")
    return Schedule(tuple(reading.hours), next(iter(reading.zones)), holidays, tuple(reading.offs))


class _Reading:
    """What the parts of a schedule, one after the other, come to."""

    def __init__(self) -> None:
        self.hours, self.offs, self.zones = list[OnHours](), list[OffAt](), dict[str, str]()
        self._faults = list[str]()
        # Days that wait for hours (`mon, tue 08:00-12:00`), and those of the hours before (`mon 8:00-12:00, 13:00-17:00`).
        self._waiting, self._before = frozenset[int](), frozenset[int]()

    def take(self, part: str) -> None:
        """Read one part: days, then hours or moments of stopping, then a zone, each of which may be left out."""
        days, rest = _days(part)
        times, rest = _times(rest)
        if times and not days:
            days, rest = _days(rest)
        if UNREAD.match(rest) if times else rest if days else LIKE_HOURS.search(rest):
            self._faults.append(f"{part!r} is not like 'mon-fri 08:00-19:00' or 'off at 19:00'{_hint(part)}")
            return
        self._waiting |= days
        for time in times:
            self._add(time, part.removesuffix(rest).strip())
        if times:
            self._before, self._waiting = self._waiting or self._before, frozenset()
        if _days(rest)[0]:
            self.take(rest)
        elif rest:
            self._add_zone(rest)

    def _add(self, time: re.Match[str], said: str) -> None:
        try:
            moments = _moments(time)
        except ValueError as error:
            self._faults.append(f"{said!r} {error}")
            return
        days = self._waiting or (self._before if len(moments) > 1 else EVERY_DAY)
        if not days:
            self._faults.append(f"{said!r} names no days; write 'daily' or 'mon-fri' before its hours")
        elif moments == [0] and days != EVERY_DAY:
            self._faults.append(f"{said!r} is the beginning of the day; write 24:00 for its end")
        elif len(moments) == 1:
            self.offs.append(OffAt(days, moments[0]))
        else:
            begin, end = moments
            self.hours.append(OnHours(days, begin, end if end > begin else end + DAY_MINUTES))

    def _add_zone(self, said: str) -> None:
        try:
            self.zones[read_zone(said)] = said
        except ValueError as error:
            self._faults.append(str(error))

    def end(self) -> Iterator[str]:
        """Everything that is wrong."""
        yield from self._faults
        if self._waiting:
            yield f"there are no hours for {', '.join(DAYS[day] for day in sorted(self._waiting))}"
        if len(self.zones) > 1:
            yield f"it names more than one time zone: {', '.join(self.zones)}"
        if not self._faults and not self.zones:
            yield "it names no time zone; end it with one like Europe/Berlin or UTC"
        if not self._faults and not self.hours and not self.offs:
            yield "it has neither hours like 08:00-19:00 nor a moment like 'off at 19:00'"


def _days(text: str) -> tuple[frozenset[int], str]:
    """The days that a text begins with, and what follows."""
    days, rest = frozenset[int](), ON.sub("", text, count=1) if ON.match(text) else text
    while match := SPAN.match(rest):
        rest = rest[match.end() :].strip()
        if match[3]:
            days |= GROUPS[match[3].lower()]
            continue
        first = NAMES[match[1].lower()]
        count = (NAMES[(match[2] or match[1]).lower()] - first) % len(DAYS) + 1
        days |= {(first + number) % len(DAYS) for number in range(count)}
    return days, rest


def _times(text: str) -> tuple[list[re.Match[str]], str]:
    """The hours and moments of stopping that a text begins with, and what follows."""
    found, rest = list[re.Match[str]](), ON.sub("", text, count=1) if ON.match(text) else text
    while match := HOURS.match(rest) or OFF.match(rest):
        found.append(match)
        rest = rest[match.end() :].strip()
    return found, rest


def _moments(time: re.Match[str]) -> list[int]:
    """The minutes since midnight of hours, or of a moment of stopping; raises ValueError with what is wrong with them."""
    clocks = [TIME.fullmatch(text.lower()) for text in time.groups()]
    read = [(int(clock[1]), int(clock[2] or 0), clock[3] or "") for clock in clocks if clock]
    if len({bool(half) for _, _, half in read}) > 1:
        raise ValueError("has am or pm at one of its times only")
    if any(half and not 1 <= hour <= 12 for hour, _, half in read):
        raise ValueError("has a time with am or pm that is not between 1 and 12")
    moments = [(hour % 12 + 12 * (half == "p") if half else hour) * 60 + minute for hour, minute, half in read]
    if max(moments) > DAY_MINUTES or (len(moments) > 1 and moments[0] == DAY_MINUTES):
        raise ValueError("has a time beyond the end of its day")
    if len(moments) > 1 and moments[0] == moments[1]:
        raise ValueError("begins when it ends; a whole day is 00:00-24:00")
    return moments


def _hint(part: str) -> str:
    """What was probably meant: hours without minutes, or a day that is misspelt."""
    bare = re.search(r"[a-z.] (\d{1,2})-(\d{1,2})(?!\S)", part.lower())
    if bare:
        return f"; write {int(bare[1]):02}:00-{int(bare[2]):02}:00"
    words = [word for word in re.split(r"[ \-.:]+", part.lower()) if word.isalpha() and word not in NAMES]
    near = next((found for word in words if (found := nearest(word, (*NAMES, *GROUPS)))), "")
    return f"; did you mean {near!r}?" if near else ""
