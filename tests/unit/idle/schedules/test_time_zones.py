from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.idle.schedules.time_zones import read_zone
from dormouse.idle.schedules.windows_time_zones import WINDOWS_ZONES

UNDERSTOOD = {
    "Europe/Berlin": "Europe/Berlin", "europe/berlin": "Europe/Berlin", "EUROPE/BERLIN": "Europe/Berlin",
    "America/New York": "America/New_York", "america/argentina/buenos_aires": "America/Argentina/Buenos_Aires",
    "America/Port-au-Prince": "America/Port-au-Prince", "US/Eastern": "US/Eastern", "CET": "CET", "Japan": "Japan",
    "UTC": "UTC", "utc": "UTC", "Z": "UTC", "Etc/UTC": "UTC", "Zulu": "UTC", "Etc/GMT": "UTC", "Etc/Zulu": "UTC",
    "Etc/UCT": "UTC", "UCT": "UTC", "Universal": "UTC", "Etc/Universal": "UTC",
    "W. Europe Standard Time": "Europe/Berlin", "w. europe standard time": "Europe/Berlin",
    "W. Europe Daylight Time": "Europe/Berlin", "Eastern Standard Time": "America/New_York",
    "US Mountain Standard Time": "America/Phoenix", "GMT Standard Time": "Europe/London",
    "India Standard Time": "Asia/Calcutta", "Central Standard Time (Mexico)": "America/Mexico_City",
}  # fmt: skip
REFUSED = {
    "EST": "America/New_York", "est": "America/New_York", "MST": "America/Denver", "HST": "Pacific/Honolulu",
    "PST": "America/Los_Angeles", "CEST": "Europe/Berlin", "IST": "Asia/Kolkata", "BST": "Europe/London", "GMT": "or UTC",
    "UTC+2": "write a zone name", "UTC+02:00": "write a zone name", "GMT+2": "write a zone name", "+02:00": "fixed offset",
    "Etc/GMT+5": "it means UTC-5", "Etc/GMT-2": "it means UTC+2", "GMT0": "write a zone name", "UTC -5": "write a zone name",
    "localtime": "unknown time zone", "posixrules": "unknown time zone", "Factory": "unknown time zone",
    "posix/Europe/Berlin": "unknown time zone", "right/Europe/Berlin": "unknown time zone", "": "unknown time zone",
    "Berlin": "did you mean 'Europe/Berlin'?", "new york": "did you mean 'America/New_York'?",
    "Europe/Berln": "did you mean 'Europe/Berlin'?", "Mars/Olympus": "write one like Europe/Berlin or UTC",
    "../../etc/passwd": "unknown time zone", "Europe": "unknown time zone", "/usr/zoneinfo/UTC": "unknown time zone",
    "UTC-11": "fixed offset", "Dateline Standard Time": "unknown time zone", "W. Europe Time": "unknown time zone",
}  # fmt: skip


# By the zone that is suggested instead.
ABBREVIATIONS = {
    "America/New_York": "EST EDT ET Eastern", "America/Chicago": "CST CDT CT Central",
    "America/Denver, or America/Phoenix without daylight saving time": "MST MDT MT Mountain",
    "America/Los_Angeles": "PST PDT PT Pacific", "America/Anchorage": "AKST AKDT", "Pacific/Honolulu": "HST HDT",
    "Europe/Berlin": "CEST MEZ MESZ", "Europe/Helsinki": "EEST EEDT", "Europe/London, or UTC": "GMT Greenwich BST",
    "Europe/Lisbon": "WEST WEDT", "Australia/Sydney": "AEST AEDT", "Australia/Adelaide": "ACST ACDT",
    "Pacific/Auckland": "NZST NZDT", "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem": "IST", "Australia/Perth": "AWST",
    "Asia/Tokyo": "JST", "Asia/Seoul": "KST", "Asia/Hong_Kong": "HKT", "Asia/Singapore": "SGT", "Europe/Moscow": "MSK",
    "America/Sao_Paulo": "BRT", "America/Argentina/Buenos_Aires": "ART", "Africa/Johannesburg": "SAST",
}  # fmt: skip
OFFSET = "is a fixed offset{}; write a zone name like Europe/Berlin or America/New_York"
UNKNOWN = "unknown time zone {!r}; write one like Europe/Berlin or UTC"


@pytest.mark.parametrize(("zone", "names"), ABBREVIATIONS.items())
def test_abbreviations_are_refused_with_the_zones_that_may_be_meant(zone: str, names: str) -> None:
    for name in names.split():
        with pytest.raises(ValueError, match="is an abbreviation") as refusal:
            read_zone(name)
        sentence = f"{name!r} is an abbreviation without daylight saving time; write a zone name: {zone}"
        assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("UTC+2", f"'UTC+2' {OFFSET.format('')}"),
        ("Etc/GMT-2", f"'Etc/GMT-2' {OFFSET.format(' (it means UTC+2)')}"),
        ("Etc/GMT+05:00", f"'Etc/GMT+05:00' {OFFSET.format('')}"),
        ("UTC+2 summer", UNKNOWN.format("UTC+2 summer")),
        ("Eur/Berl", UNKNOWN.format("Eur/Berl")),
        ("New  York", f"{UNKNOWN.format('New York')}; did you mean 'America/New_York'?"),
        ("x" * 61, UNKNOWN.format("x" * 60)),
    ],
)
def test_what_is_no_zone_is_refused_in_one_sentence(written: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        read_zone(written)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(("written", "zone"), UNDERSTOOD.items())
def test_common_spellings_of_zones_are_accepted(written: str, zone: str) -> None:
    assert read_zone(written) == zone
    assert ZoneInfo(zone).key == zone


@pytest.mark.parametrize(("written", "says"), REFUSED.items())
def test_an_ambiguous_zone_is_rejected_with_the_correct_spelling(written: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        read_zone(written)
    assert says in str(refusal.value)


def test_every_windows_zone_maps_to_an_iana_zone() -> None:
    assert len(WINDOWS_ZONES) > 130
    for name, zone in WINDOWS_ZONES.items():
        assert name == name.lower()
        assert read_zone(name.title()) == zone
        assert "/" in zone


@given(st.text(max_size=80))
def test_any_text_is_a_zone_or_rejected(text: str) -> None:
    try:
        zone = read_zone(text)
    except ValueError:
        return
    assert datetime(2026, 7, 1, tzinfo=ZoneInfo(zone)).utcoffset() is not None
