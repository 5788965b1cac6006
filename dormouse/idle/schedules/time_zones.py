"""Time zones: IANA names in upper or lower case, and Windows names.

Abbreviations and offsets are rejected because they ignore daylight saving time: on-hours would be an hour off for months.
"""

import difflib
import importlib.resources
import re
from functools import cache

UTC = "UTC"
UTC_NAMES = frozenset({"utc", "z", "zulu", "etc/utc", "etc/gmt", "etc/zulu", "etc/uct", "uct", "universal", "etc/universal"})
NOT_A_PLACE = "factory"  # the zone of a host on which none is set
OFFSET = re.compile(r"(?:etc/)?(?:utc|gmt)? ?[+-] ?\d{1,2}(?::?\d\d)?|(?:etc/)?gmt0", re.ASCII)
INVERTED = re.compile(r"etc/gmt([+-])(\d{1,2})", re.ASCII)
ZONES_BY_ABBREVIATION = {
    **dict.fromkeys(("est", "edt", "et", "eastern"), "America/New_York"),
    **dict.fromkeys(("cst", "cdt", "ct", "central"), "America/Chicago"),
    **dict.fromkeys(("mst", "mdt", "mt", "mountain"), "America/Denver, or America/Phoenix without daylight saving time"),
    **dict.fromkeys(("pst", "pdt", "pt", "pacific"), "America/Los_Angeles"),
    **dict.fromkeys(("akst", "akdt"), "America/Anchorage"),
    **dict.fromkeys(("hst", "hdt"), "Pacific/Honolulu"),
    **dict.fromkeys(("cest", "mez", "mesz"), "Europe/Berlin"),
    **dict.fromkeys(("eest", "eedt"), "Europe/Helsinki"),
    **dict.fromkeys(("gmt", "greenwich", "bst"), "Europe/London, or UTC"),
    **dict.fromkeys(("west", "wedt"), "Europe/Lisbon"),
    **dict.fromkeys(("aest", "aedt"), "Australia/Sydney"),
    **dict.fromkeys(("acst", "acdt"), "Australia/Adelaide"),
    **dict.fromkeys(("nzst", "nzdt"), "Pacific/Auckland"),
    "ist": "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem",
    "awst": "Australia/Perth",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "hkt": "Asia/Hong_Kong",
    "sgt": "Asia/Singapore",
    "msk": "Europe/Moscow",
    "brt": "America/Sao_Paulo",
    "art": "America/Argentina/Buenos_Aires",
    "sast": "Africa/Johannesburg",
}


def read_zone(text: str) -> str:
    """The IANA name of a time zone; raises ValueError, with a suggestion if there is a similar name."""
    written = " ".join(text.split())
    name = written.lower()
    if name in UTC_NAMES:
        return UTC
    if name in ZONES_BY_ABBREVIATION:
        raise ValueError(
            f"{written!r} is an abbreviation without daylight saving time; write a zone name: {ZONES_BY_ABBREVIATION[name]}"
        )
    if OFFSET.fullmatch(name):
        raise ValueError(
            f"{written!r} is a fixed offset{_sign(name)}; write a zone name like Europe/Berlin or America/New_York"
        )
    zone = _names().get(name.replace(" ", "_")) or _of_windows(name)
    if zone is None:
        raise ValueError(f"unknown time zone {written[:60]!r}; write one like Europe/Berlin or UTC{_hint(name)}")
    return zone


@cache
def _names() -> dict[str, str]:
    """The zones of the tzdata package (the same on every host), by their names in lower case."""
    names = importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
    return {name.lower(): name for name in names if name.lower() != NOT_A_PLACE}


def _of_windows(name: str) -> str | None:
    if " time" not in name:
        return None
    # Loaded on first use: most schedules have IANA names.
    from dormouse.idle.schedules.windows_time_zones import WINDOWS_ZONES

    standard = re.sub(r" (daylight|summer) time", " standard time", name)
    return WINDOWS_ZONES.get(standard)


def _sign(name: str) -> str:
    """The meaning of `Etc/GMT+5`, whose sign is inverted (https://data.iana.org/time-zones/tzdb/etcetera)."""
    match = INVERTED.fullmatch(name)
    return f" (it means UTC{'-' if match[1] == '+' else '+'}{match[2]})" if match else ""


def _hint(name: str) -> str:
    """A suggestion: the zone of that city, or the nearest name."""
    city = name.replace(" ", "_")
    near = [zone for lower, zone in _names().items() if lower.rpartition("/")[2] == city]
    near = near or [_names()[lower] for lower in difflib.get_close_matches(city, _names(), n=1, cutoff=0.8)]
    return f"; did you mean {near[0]!r}?" if near else ""
