"""Time zones as people write them: IANA names in any capitals and the names that Windows has for them.

Abbreviations and offsets are refused, because they know no summer time: hours would be an hour off for half of the year.
"""

import difflib
import importlib.resources
import re
from functools import cache

UTC = "UTC"
MEAN_UTC = frozenset({"utc", "z", "zulu", "etc/utc", "etc/gmt", "etc/zulu", "etc/uct", "uct", "universal", "etc/universal"})
# What hosts understand by these differs.
NO_PLACE = frozenset({"factory", "localtime", "posixrules", "local"})
OFFSET = re.compile(r"(?:etc/)?(?:utc|gmt)? ?[+-] ?\d{1,2}(?::?\d\d)?|(?:etc/)?gmt0", re.ASCII)
INVERTED = re.compile(r"etc/gmt([+-])(\d{1,2})", re.ASCII)
PLACES_OF = {
    **dict.fromkeys(("est", "edt", "et", "eastern"), "America/New_York"),
    **dict.fromkeys(("cst", "cdt", "ct", "central"), "America/Chicago"),
    **dict.fromkeys(("mst", "mdt", "mt", "mountain"), "America/Denver, or America/Phoenix without summer time"),
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
    """The IANA name of a time zone; raises ValueError with the right spelling, where it can be guessed."""
    written = " ".join(text.split())
    said = written.lower()
    if said in MEAN_UTC:
        return UTC
    if said in PLACES_OF:
        raise ValueError(
            f"{written!r} is an abbreviation that means one offset all year; write the place: {PLACES_OF[said]}"
        )
    if OFFSET.fullmatch(said):
        raise ValueError(
            f"{written!r} is a fixed offset{_sign(said)}; write the place, like Europe/Berlin or America/New_York"
        )
    zone = _names().get(said.replace(" ", "_")) or _of_windows(said)
    if zone is None:
        raise ValueError(f"{written[:60]!r} is not a time zone like Europe/Berlin or UTC{_hint(said)}")
    return zone


@cache
def _names() -> dict[str, str]:
    """Every zone of a place by its name in lower case, wherever this runs: those that the tzdata package lists."""
    names = importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
    return {name.lower(): name for name in names if name.lower() not in NO_PLACE}


def _of_windows(said: str) -> str | None:
    if " time" not in said:
        return None
    # Loaded at the first such name only, for most people write others.
    from dormouse.idle.windows_time_zones import WINDOWS_ZONES

    standard = re.sub(r" (daylight|summer) time", " standard time", said)
    return WINDOWS_ZONES.get(standard)


def _sign(said: str) -> str:
    """What `Etc/GMT+5` means: it counts westwards (https://data.iana.org/time-zones/tzdb/etcetera)."""
    match = INVERTED.fullmatch(said)
    return f" (it means UTC{'-' if match[1] == '+' else '+'}{match[2]})" if match else ""


def _hint(said: str) -> str:
    """The question for zones of that city, or for the name that is nearest."""
    place = said.replace(" ", "_")
    near = [name for lower, name in _names().items() if lower.rpartition("/")[2] == place and "/" in lower][:1]
    near = near or [_names()[lower] for lower in difflib.get_close_matches(place, _names(), n=1, cutoff=0.8)]
    return f"; did you mean {near[0]!r}?" if near else ""
