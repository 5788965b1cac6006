"""Holds set on a machine by many users, some of them abusive, and written in common spellings."""

import json
import os
import pwd
from pathlib import Path

import pytest

from dormouse.guest.agent.durations import in_words, leading_duration, seconds_in
from dormouse.guest.agent.filesystem import FileSystem
from dormouse.guest.agent.heartbeat import Hold, heartbeat
from dormouse.guest.agent.hold_command import run_hold_command
from dormouse.guest.agent.holds import (
    HOLDS_FOLDER,
    MOST_FILES,
    MOST_HOLDS,
    MOST_PER_PERSON,
    longest_holds,
    read_holds,
    round_robin,
    set_hold,
)
from dormouse.guest.agent.system.owners import SUBORDINATE, Owners, name_of
from dormouse.idle.heartbeats.heartbeat import Heartbeat
from dormouse.text.durations import minutes_in
from tests.guest.fakes import MACHINE, Machine

NOW = 100_000.0
IS_ROOT = os.getuid() == 0  # may change the owner of files


@pytest.fixture
def filesystem(machine: Machine) -> FileSystem:
    (machine.root / HOLDS_FOLDER[1:]).mkdir(parents=True)
    return FileSystem(str(machine.root))


def leave(machine: Machine, user: int, name: str, seconds: float = 3600.0) -> None:
    path = machine.write(f"{HOLDS_FOLDER}/{name}", json.dumps({"made": NOW, "seconds": seconds, "reason": "because"}))
    os.chown(path, user if IS_ROOT else -1, -1)


def sent(holds: list[Hold]) -> Heartbeat:
    """What the control plane accepts from a heartbeat with these holds."""
    body = heartbeat(machine=MACHINE, boot="0" * 32, minutes=[], gpu=("ok", ""), holds=holds, shown=[], moment=NOW)
    return Heartbeat.model_validate_json(body)


def test_the_twenty_longest_of_fifty_holds_are_sent(machine: Machine, filesystem: FileSystem) -> None:
    for number in range(50):
        leave(machine, 20_000 + number, f"{50 - number:03}", 60.0 * (10 + number))
    holds = read_holds(filesystem, NOW)
    assert len(holds) == (50 if IS_ROOT else 1)
    beat = sent(longest_holds(holds))
    assert [round(hold.until_in_seconds / 60) for hold in beat.holds] == (list(range(40, 60)) if IS_ROOT else [59])


def test_a_heartbeat_contains_the_longest_holds_of_all_users() -> None:
    holds = [Hold(f"user {number}", "", NOW + 60 * (number * 37 % 50 + 1)) for number in range(50)]
    kept = longest_holds(holds)
    assert len(kept) == len(sent(kept).holds) == MOST_HOLDS
    assert min(hold.until for hold in kept) > max(hold.until for hold in holds if hold not in kept)


@pytest.mark.parametrize("name", ["a" * 200, "Ä" * 70, "ann.of.a.department.with.a.long.name@subdomain.of.corp.example.com"])
def test_a_long_user_name_is_truncated_to_the_heartbeat_limit(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    found = pwd.struct_passwd((name, "x", 1000, 1000, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: found)
    (hold,) = sent([Hold(name_of(1000), "", NOW + 60)]).holds
    assert name_of(1000) == hold.by == name[:64]


def test_control_characters_are_removed_from_user_names(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pwd.struct_passwd(("ann\x1b[2J", "x", 1000, 1000, "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: found)
    assert name_of(1000) == "ann [2J"


def test_hold_files_of_one_user_never_displace_those_of_another(machine: Machine, filesystem: FileSystem) -> None:
    for number in range(1500):
        leave(machine, 20_001, f"000{number:05}", 60.0)
    leave(machine, 20_002, "zzz", 7200.0)
    assert NOW + 7200 in [hold.until for hold in read_holds(filesystem, NOW)]


def test_hold_files_are_read_round_robin_by_user() -> None:
    files = {1: [(float(n), f"1-{n}") for n in range(5000)], 2: [(0.0, "2-0")], 3: [(1.0, "3-1"), (2.0, "3-2")]}
    order = round_robin(files)
    assert order[:5] == ["1-4999", "2-0", "3-2", "1-4998", "3-1"]
    assert sum(name.startswith("1-") for name in order) == MOST_PER_PERSON
    many = round_robin({user: [(1.0, f"{user}-a"), (2.0, f"{user}-b")] for user in range(900)})
    assert len(many) == MOST_FILES
    assert {name.partition("-")[0] for name in many} == {str(user) for user in range(900)}


def test_subordinate_user_ids_belong_to_the_user_they_are_assigned_to(machine: Machine) -> None:
    me = pwd.getpwuid(os.getuid())
    machine.write(SUBORDINATE, f"{me.pw_name}:3000000000:65536\n3500000001:3100000000:10\nrubbish\nnobody-known:1:x\n:::\n")
    found = Owners(FileSystem(str(machine.root)))
    assert [found.person_of(user) for user in (3_000_000_000, 3_000_065_535, 3_000_065_536)] == [
        me.pw_uid, me.pw_uid, 3_000_065_536,
    ]  # fmt: skip
    assert found.person_of(3_100_000_009) == 3_500_000_001
    assert found.person_of(me.pw_uid) == me.pw_uid


def test_a_real_user_is_never_treated_as_a_subordinate_id(machine: Machine) -> None:
    me = os.getuid()
    machine.write(SUBORDINATE, "3500000001:0:4294967295\n")
    assert Owners(FileSystem(str(machine.root))).person_of(me) == me


def test_one_person_with_many_subordinate_ids_has_one_hold(machine: Machine, filesystem: FileSystem) -> None:
    machine.write(SUBORDINATE, "20001:3000000000:65536\n")
    for number in range(60):
        leave(machine, 3_000_000_000 + number, f"000{number}", 86_400.0)
    leave(machine, 20_002, "zzz", 60.0)
    assert [hold.by for hold in read_holds(filesystem, NOW)] == (
        ["user 20001", "user 20002"] if IS_ROOT else [name_of(os.getuid())]
    )


def test_a_partially_written_hold_is_removed(machine: Machine, filesystem: FileSystem) -> None:
    hidden = machine.write(f"{HOLDS_FOLDER}/.half", json.dumps({"made": NOW, "seconds": 86_400.0, "reason": ""}))
    assert set_hold(filesystem, NOW, 3600.0, "because") is None
    assert not hidden.exists()
    assert [hold.until for hold in read_holds(filesystem, NOW)] == [NOW + 3600]


SAID = {
    "2 hours": 120, "2h": 120, "2h30m": 150, "1d12h": 2160, "90min": 90, "PT30M": 30, "pt1h30m": 90, "1.5h": 90, "1,5h": 90,
    "1 day": 1440, "2 hrs": 120, "1h 30m": 90, "1 hour and 30 minutes": 90, "1 hour, 30 minutes": 90, "P1D": 1440,
    "P1DT12H": 2160, "120s": 2, "1w": 10_080, "2 H": 120, "45m": 45, "'2h'": 120,
}  # fmt: skip
NOT_SAID = [
    "2", "2.5", "120", "", "h", "2x", "-2h", "2h-", "2mo", "1 month", "P1M", "P", "PT", "1h1h", "90s", "2 hours ago",
    "1.234h", "²h", "٢h", "1e3h", "inf", "nan h", "2:30", "1h" * 40, "9999999h", "2h;rm", "about 2h",
]  # fmt: skip


@pytest.mark.parametrize("text", SAID)
def test_the_agent_and_the_control_plane_parse_durations_alike(text: str) -> None:
    assert seconds_in(text) / 60 == minutes_in(text) == SAID[text]


@pytest.mark.parametrize("text", NOT_SAID)
def test_the_agent_and_the_control_plane_reject_the_same_durations(text: str) -> None:
    for read in (seconds_in, minutes_in):
        with pytest.raises(ValueError, match=r"\d[hm]|days"):
            read(text)


@pytest.mark.parametrize(
    ("words", "minutes", "reason"),
    [
        (["2", "hours", "reason"], 120, "reason"), (["2h", "30m", "of", "sleep"], 150, "of sleep"), (["2h"], 120, ""),
        (["2 hours", "a", "reason"], 120, "a reason"), (["1", "day", "for", "training"], 1440, "for training"),
        (["1", "hour", "and", "30", "minutes", "and", "then", "off"], 90, "and then off"), (["PT30M", "2"], 30, "2"),
    ],
)  # fmt: skip
def test_words_after_the_duration_are_the_reason(
    filesystem: FileSystem, words: list[str], minutes: int, reason: str
) -> None:
    code, said = run_hold_command(words, filesystem)
    assert (code, f"Hold requested for {in_words(minutes * 60.0)};" in said) == (0, True)
    (path,) = Path(filesystem.at(HOLDS_FOLDER)).iterdir()
    left = json.loads(path.read_text())
    assert (left["seconds"], left["reason"]) == (minutes * 60, reason)


@pytest.mark.parametrize("words", [["2"], ["2", "training"], ["2", "hourglasses"], ["30"], ["1.5", "because"], ["2", "2h"]])
def test_a_number_without_a_unit_is_refused_with_an_example(filesystem: FileSystem, words: list[str]) -> None:
    code, said = run_hold_command(words, filesystem)
    assert code == 2
    assert f"{words[0]} has no unit; write {words[0]}h for hours or {words[0]}m for minutes" in said
    assert list(Path(filesystem.at(HOLDS_FOLDER)).iterdir()) == []
    assert leading_duration(words) == 0


def test_control_characters_are_removed_from_error_messages(filesystem: FileSystem) -> None:
    code, said = run_hold_command(["2h\x1b]0;x\x07\x9b2J"], filesystem)
    assert (code, set(said) & set("\x1b\x07\x9b")) == (2, set())
