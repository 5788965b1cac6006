"""The pure parts of the agent, with a clock set by the test."""

import ast
import itertools
import json
import os
import pwd
import sys
from email.message import Message
from pathlib import Path

import pytest

from dormouse.guest.agent import main_loop
from dormouse.guest.agent.filesystem import FileSystem, plain
from dormouse.guest.agent.heartbeat import MOST_BYTES, fit_in_heartbeat, heartbeat, reply_in
from dormouse.guest.agent.holds import HOLDS_FOLDER, LONGEST_SECONDS, read_holds
from dormouse.guest.agent.intervals import Intervals
from dormouse.guest.agent.minutes import Minute, MinuteAggregator, UnconfirmedMinutes, summarize
from dormouse.guest.agent.sender import _retry_after
from dormouse.guest.agent.sources import Rates
from dormouse.guest.agent.system.programs import CommandRunner, ContinuousProgram
from dormouse.guest.packaging import AGENT, FOLDER
from tests.guest.fakes import Machine
from tests.guest.setups import vermin

PACE = Intervals()


def seen(aggregator: MinuteAggregator, ticks: int, **signals: float) -> None:
    for _ in range(ticks):
        aggregator.tick(signals)


def test_a_minute_is_summarized_by_its_maximum_and_95th_percentile() -> None:
    assert summarize(range(1, 101)) == {"max": 100, "p95": 95}
    assert summarize([7.0]) == {"max": 7.0, "p95": 7.0}
    assert summarize([0.0] * 59 + [100.0]) == {"max": 100.0, "p95": 0.0}


def test_a_minute_is_finished_after_60_seconds_and_not_before() -> None:
    aggregator = MinuteAggregator(1000.0, PACE)
    seen(aggregator, 60, cpu_percent=5.0)
    assert aggregator.finish(1059.9) is None
    assert aggregator.finish(1060.2) == Minute(0, 1060.0, {"cpu_percent": {"max": 5.0, "p95": 5.0}})
    assert aggregator.minute_began == 1060.0


def test_a_signal_seen_in_less_than_half_of_the_samples_is_omitted() -> None:
    aggregator = MinuteAggregator(0.0, PACE)
    seen(aggregator, 29, cpu_percent=5.0)
    assert aggregator.finish(60.0) is None
    seen(aggregator, 29, gpu_percent=0.0)
    seen(aggregator, 31, cpu_percent=5.0)
    for _ in range(2):
        aggregator.look({"kernels": 1.0})
    for _ in range(3):
        aggregator.look({"logins": 1.0})
    minute = aggregator.finish(120.0)
    assert minute is not None
    assert minute.sequence == 1
    assert set(minute.signals) == {"cpu_percent", "logins"}


def test_a_suspended_machine_leaves_a_gap_in_the_sequence() -> None:
    aggregator = MinuteAggregator(0.0, PACE)
    seen(aggregator, 10, cpu_percent=5.0)
    assert aggregator.finish(8 * 3600.0) is None
    seen(aggregator, 60, cpu_percent=5.0)
    minute = aggregator.finish(8 * 3600.0 + 60)
    assert minute is not None
    assert (minute.sequence, minute.ended) == (480, 8 * 3600.0 + 60)


def test_only_the_newest_360_minutes_are_kept_and_the_older_half_is_dropped_first() -> None:
    kept = UnconfirmedMinutes()
    for number in range(400):
        kept.keep(Minute(number, 60.0 * number, {}))
    assert [minute.sequence for minute in kept.oldest_first()] == list(range(40, 400))
    kept.confirm({40, 41})
    kept.forget_older_half()
    assert [minute.sequence for minute in kept.oldest_first()] == list(range(221, 400))
    for number in range(400, 800):
        kept.keep(Minute(number, 60.0 * number, {}))
    assert len(kept.oldest_first()) == 360
    UnconfirmedMinutes().forget_older_half()


def test_the_backlog_of_the_longest_outage_fits_into_requests_of_256_kib() -> None:
    signals = {f"a_signal_with_a_long_name_{number}": {"max": 1234567.89, "p95": 1234567.89} for number in range(19)}
    minutes = [Minute(number, 0.0, signals) for number in range(360)]
    sent = fit_in_heartbeat(minutes)
    assert minutes[: len(sent)] == sent
    assert 100 < len(sent) < 360
    body = heartbeat(machine="m" * 300, boot="0" * 32, minutes=sent, gpu=("ok", ""), holds=[], shown=[], moment=1e7)
    assert len(body) < MOST_BYTES + 1000 < 256 * 1024


def test_a_decreasing_counter_or_a_stopped_clock_gives_no_rate() -> None:
    rates = Rates()
    assert rates.per_second({"a": 10}, 1.0) is None
    assert rates.per_second({"a": 30, "new": 10_000}, 3.0) == 10.0
    assert rates.per_second({"a": 20, "new": 10_000}, 4.0) is None
    assert rates.per_second({"a": 21, "new": 10_000}, 4.0) is None
    assert rates.per_second({"a": 22, "new": 10_000}, 5.0) == 1.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0), ({"Retry-After": "120"}, 120.0), ({"Retry-After": "soon"}, 0.0), ({"Retry-After": "999999999"}, 3600.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0.0), ({"Retry-After": "-5"}, 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_parsed_and_capped(headers: dict[str, str], seconds: float) -> None:
    message = Message()
    for name, value in headers.items():
        message[name] = value
    assert _retry_after(message) == seconds


def test_a_response_is_accepted_only_if_it_is_entirely_valid() -> None:
    said = {
        "next_in_seconds": 60, "confirmed": True, "warning": {"id": "w", "text": "a\x1b\nb", "stop_in_seconds": 900},
        "hold": {"by": "alice", "reason": "", "until_in_seconds": 60.0}, "something new": {},
    }  # fmt: skip
    reply = reply_in(json.dumps(said).encode(), 1000.0)
    assert reply.warning is not None
    assert (reply.warning.text, reply.warning.stops_at) == ("a b", 1900.0)
    assert reply.hold is not None
    assert reply.hold.until == 1060.0
    for key, value in (("warning", {"id": "w"}), ("warning", 3), ("hold", ["x"]), ("next_in_seconds", None)):
        with pytest.raises(ValueError, match="invalid response"):
            reply_in(json.dumps({**said, key: value}).encode(), 0.0)


def test_control_characters_never_reach_a_terminal() -> None:
    assert plain("a\x1b[2J\x9b\u202eb\n\tc\0\u2028d\ud800") == "a [2J b c d"
    assert plain("x" * 999) == "x" * 200


@pytest.fixture
def spool(machine: Machine) -> Machine:
    (machine.root / HOLDS_FOLDER[1:]).mkdir(parents=True)
    return machine


def set_hold(made: float = 100.0, seconds: float = 3600.0, reason: str = "because") -> str:
    return json.dumps({"made": made, "seconds": seconds, "reason": reason})


def test_a_hold_belongs_to_the_owner_of_its_file_whatever_its_content_claims(spool: Machine) -> None:
    me = os.getuid()
    other = 54_321 if me == 0 else me  # only root can change the owner of a file; for another user both holds are their own
    names = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
    claims = spool.write(f"{HOLDS_FOLDER}/a", json.dumps({**json.loads(set_hold(150.0)), "by": "root", "owner": 0}))
    os.chown(claims, other, -1)
    spool.write(f"{HOLDS_FOLDER}/54321-b", set_hold(reason="mine"))
    said = {me: "mine"} | {other: "because"}
    expected = [(names.get(user, f"user {user}"), said[user]) for user in sorted(said)]
    assert [(hold.by, hold.reason) for hold in read_holds(FileSystem(str(spool.root)), 151.0)] == expected


def test_the_longest_hold_of_a_user_applies_until_it_expires(spool: Machine) -> None:
    filesystem = FileSystem(str(spool.root))
    spool.write(f"{HOLDS_FOLDER}/z", set_hold(100.0, 7200.0, "\x1b]0;longer"))
    spool.write(f"{HOLDS_FOLDER}/a", set_hold(200.0, 60.0))
    (hold,) = read_holds(filesystem, 201.0)
    assert (hold.until, hold.reason) == (7300.0, "]0;longer")
    assert read_holds(filesystem, 7300.0) == []


def test_a_hold_lasts_at_most_a_week(spool: Machine) -> None:
    spool.write(f"{HOLDS_FOLDER}/a", set_hold(100.0, 1e300))
    (hold,) = read_holds(FileSystem(str(spool.root)), 100.0)
    assert hold.until == 100.0 + LONGEST_SECONDS


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"[]", b"{}", b"null", set_hold(made=9999.0).encode(), set_hold(seconds=-1.0).encode(),
        set_hold(made=float("nan")).encode(),
        set_hold(seconds=float("nan")).encode(), b'{"made": 1%s, "seconds": 1, "reason": ""}' % (b"0" * 400), b"[" * 4000,
        set_hold(reason="x" * 5000).encode(),
    ],
)  # fmt: skip
def test_a_malformed_hold_file_is_ignored(spool: Machine, content: bytes) -> None:
    spool.write(f"{HOLDS_FOLDER}/a", content)
    assert read_holds(FileSystem(str(spool.root)), 101.0) == []


def test_links_pipes_and_folders_are_not_read_as_holds(spool: Machine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(set_hold())
    folder = spool.root / HOLDS_FOLDER[1:]
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    assert read_holds(FileSystem(str(spool.root)), 101.0) == []


def test_restarts_of_a_failing_program_back_off() -> None:
    starts: list[float] = []
    moment = 0.0

    def command() -> list[str]:
        starts.append(moment)
        return ["/nonexistent/nvidia-smi"]

    child = ContinuousProgram("nvidia-smi", command, tick=1.0)
    for second in range(2000):
        moment = float(second)
        assert child.lines(moment) == []
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == 300
    assert "cannot be started" in child.problem


def test_a_hanging_program_is_killed_after_its_timeout() -> None:
    with pytest.raises(ValueError, match="did not end within"):
        CommandRunner().output(["sleep", "100"], seconds=0.1)


@pytest.mark.parametrize("path", sorted((FOLDER / AGENT).glob("*.py")), ids=lambda path: path.stem)
def test_the_agent_runs_on_python_3_8_with_the_standard_library_only(path: Path) -> None:
    done = vermin("--target=3.8-", "--no-tips", "--violations", path)
    assert done.returncode == 0, done.stdout
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] in sys.stdlib_module_names
    if path.stem != "__init__":
        assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


def test_missed_ticks_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(main_loop, "now", lambda: clock[0])
    monkeypatch.setattr("time.sleep", sleep)
    ticker = main_loop.Ticker(1.0)
    ticker.wait()
    clock[0] += 10.5
    for _ in range(3):
        ticker.wait()
    assert slept == [1.0, 0.0, 1.0, 1.0]
