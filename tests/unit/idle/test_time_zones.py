from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.idle.time_zones import read_zone
from dormouse.idle.windows_time_zones import WINDOWS_ZONES

UNDERSTOOD = {
    "Europe/Berlin": "Europe/Berlin", "europe/berlin": "Europe/Berlin", "EUROPE/BERLIN": "Europe/Berlin",
    "America/New York": "America/New_York", "america/argentina/buenos_aires": "America/Argentina/Buenos_Aires",
    "America/Port-au-Prince": "America/Port-au-Prince", "US/Eastern": "US/Eastern", "CET": "CET", "Japan": "Japan",
    "UTC": "UTC", "utc": "UTC", "Z": "UTC", "Etc/UTC": "UTC", "Zulu": "UTC",
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


@pytest.mark.parametrize(("written", "zone"), UNDERSTOOD.items())
def test_zones_are_understood_as_people_write_them(written: str, zone: str) -> None:
    assert read_zone(written) == zone
    assert ZoneInfo(zone).key == zone


@pytest.mark.parametrize(("written", "says"), REFUSED.items())
def test_what_could_be_an_hour_off_is_refused_with_the_right_spelling(written: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        read_zone(written)
    assert says in str(refusal.value)


def test_every_zone_of_windows_is_one_of_a_place() -> None:
    assert len(WINDOWS_ZONES) > 130
    for name, zone in WINDOWS_ZONES.items():
        assert name == name.lower()
        assert read_zone(name.title()) == zone
        assert "/" in zone


@given(st.text(max_size=80))
def test_whatever_is_written_is_a_zone_or_refused(text: str) -> None:
    try:
        zone = read_zone(text)
    except ValueError:
        return
    assert datetime(2026, 7, 1, tzinfo=ZoneInfo(zone)).utcoffset() is not None
