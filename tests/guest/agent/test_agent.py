"""The agent as a program: over real HTTP, with fake programs and files."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.guest.fakes import (
    MACHINE,
    Agent,
    ControlPlane,
    Machine,
    Metadata,
    Terminal,
    answered,
    command,
    environment,
    serving,
)  # fmt: skip
from tests.support import eventually

Start = Callable[[], Agent]
Signal = Literal[
    "gpu_percent", "gpu_memory_percent", "gpu_watts", "gpu_processes", "gpu_kernel_processes", "cpu_percent", "cpu_cores",
    "disk_bytes_per_second", "network_bytes_per_second", "logins", "connections", "sessions_opaque",
    "terminals_active", "terminal_jobs", "batch_jobs",
    "kernels", "kernels_busy", "kernels_active", "kernel_connections", "containers", "jobs",
]  # fmt: skip
GPU_SIGNALS = {"gpu_percent", "gpu_memory_percent", "gpu_watts", "gpu_processes", "gpu_kernel_processes"}
ALL_SIGNALS = set(Signal.__args__)  # type: ignore[attr-defined]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TWO_GPUS = """
case "$*" in *compute-apps*) echo "4242, 100"; echo "4343, 100"; exit;; esac
while :; do echo "0, 12, 1024, 4096, 30.5"; echo "1, 97, 512, 4096, [N/A]"; sleep 0.1; done
"""


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Summary(Strict):
    max: NotNegative
    p95: NotNegative


class Minute(Strict):
    sequence: Annotated[int, Field(ge=0)]
    age_seconds: NotNegative
    signals: dict[Signal, Summary]


class Hold(Strict):
    by: str
    reason: str
    until_in_seconds: NotNegative


class Heartbeat(Strict):
    version: Literal[1]
    machine: str
    agent: str
    boot: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    uptime_seconds: NotNegative
    minutes: Annotated[list[Minute], Field(max_length=360)]
    gpu: Literal["ok", "absent", "broken"]
    gpu_problem: str
    holds: list[Hold]
    shown: list[str]
    problems: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(min_length=1, max_length=300)]]


def test_heartbeats_match_the_documented_format(start: Start, machine: Machine, control_plane: ControlPlane) -> None:
    machine.gpu()
    machine.program("nvidia-smi", TWO_GPUS)
    machine.process(4200, "voila", command="voila dashboard.ipynb")
    machine.process(4242, "python", 4200, command="python -m ipykernel_launcher -f kernel.json")
    machine.write("/proc/4242/stat", "4242 (python) S 4200 0 0 0 0 0 0 0 0 0 5 5 0 0 20 0 1 0 9")
    machine.process(4343, "python", command="python train.py")
    start()
    assert eventually(lambda: len(control_plane.minutes) >= 3)
    for request in control_plane.received:
        heartbeat = Heartbeat.model_validate_json(request.content)
        assert (request.method, request.path) == ("POST", "/api/heartbeats")
        assert request.headers["content-type"] == "application/json"
        assert heartbeat.machine == MACHINE
    assert len({heartbeat["boot"] for heartbeat in control_plane.heartbeats}) == 1
    minute = control_plane.minutes[-1]
    # The power draw of one of two GPUs is unknown, so the sum is.
    assert set(minute["signals"]) == ALL_SIGNALS - {"gpu_watts", "kernel_connections"}
    assert set(control_plane.heartbeats[-1]["problems"]) == {"gpu_watts", "kernel_connections"}
    assert minute["signals"]["gpu_percent"] == {"max": 97, "p95": 97}
    assert minute["signals"]["gpu_memory_percent"] == {"max": 25, "p95": 25}
    assert minute["signals"]["gpu_processes"]["max"] == 1
    assert minute["signals"]["gpu_kernel_processes"]["max"] == 1
    assert control_plane.heartbeats[-1]["gpu"] == "ok"


def test_confirmed_minutes_are_numbered_and_not_sent_again(start: Start, control_plane: ControlPlane) -> None:
    start()
    assert eventually(lambda: len(control_plane.minutes) >= 3)
    numbers = [minute["sequence"] for minute in control_plane.minutes]
    assert numbers == sorted(set(numbers))
    assert all(minute["age_seconds"] < 2 for minute in control_plane.minutes)


def test_no_minute_is_lost_or_duplicated_while_the_control_plane_is_unreachable(
    start: Start, control_plane: ControlPlane
) -> None:
    start()
    assert eventually(lambda: len(control_plane.minutes) >= 1)
    control_plane.away = True
    time.sleep(1.5)  # more than two minutes of agent time
    control_plane.away = False
    assert eventually(lambda: len(control_plane.minutes) >= 5)
    numbers = [minute["sequence"] for minute in control_plane.minutes]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_unconfirmed_minutes_are_sent_again_in_order(start: Start, control_plane: ControlPlane) -> None:
    unconfirmed = answered({"next_in_seconds": 0.2, "confirmed": False, "warning": None, "hold": None})
    control_plane.answers = [unconfirmed] * 12
    start()
    assert eventually(lambda: len(control_plane.minutes) >= 3)
    last = max(control_plane.heartbeats[:12], key=lambda heartbeat: len(heartbeat["minutes"]))
    numbers = [minute["sequence"] for minute in last["minutes"]]
    assert numbers[0] == min(minute["sequence"] for minute in control_plane.minutes)
    assert numbers == sorted(numbers)


def test_the_token_is_sent_only_to_the_control_plane_and_renewed_after_a_401(
    start: Start, metadata: Metadata, control_plane: ControlPlane
) -> None:
    control_plane.answers = [answered({"title": "who are you?"}, 401)]
    agent = start()
    assert eventually(lambda: len(control_plane.received) >= 3)
    tokens = [request.headers["authorization"] for request in control_plane.received]
    assert tokens == ["Bearer token-1", *["Bearer token-2"] * (len(tokens) - 1)]
    assert all("authorization" not in request.headers for request in metadata.asked)
    asked = [request for request in metadata.asked if request.path == "/metadata/identity/oauth2/token"]
    assert all(request.query == {"api-version": ["2018-02-01"], "resource": ["api://us"]} for request in asked)
    assert "token-" not in agent.log.read_text()


def test_a_token_that_expires_soon_is_not_reused(start: Start, metadata: Metadata, control_plane: ControlPlane) -> None:
    metadata.expires_in = 299
    start()
    assert eventually(lambda: len(control_plane.received) >= 3)
    tokens = [request.headers["authorization"] for request in control_plane.received]
    assert len(set(tokens)) == len(tokens)


def test_the_agent_waits_for_an_unreachable_metadata_service(
    start: Start, metadata: Metadata, control_plane: ControlPlane
) -> None:
    metadata.away = True
    start()
    assert eventually(lambda: len(metadata.asked) >= 2)
    assert control_plane.received == []
    metadata.away = False
    assert eventually(lambda: len(control_plane.minutes) >= 1)
    assert control_plane.minutes[0]["sequence"] == 0


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"confirmed": true}', b'{"next_in_seconds": NaN}', b"[" * 100_000]
)
def test_an_unreadable_response_confirms_no_minutes(start: Start, control_plane: ControlPlane, content: bytes) -> None:
    control_plane.answers = [(200, {}, content)] * 3
    start()
    assert eventually(lambda: len(control_plane.heartbeats) >= 5)
    sent = [{minute["sequence"] for minute in heartbeat["minutes"]} for heartbeat in control_plane.heartbeats[:5]]
    assert sent[0] <= sent[1] <= sent[2] <= sent[3]
    assert 0 in sent[3]
    assert 0 not in sent[4]


def test_retries_back_off_and_the_age_of_minutes_increases(start: Start, control_plane: ControlPlane) -> None:
    control_plane.answers = [answered({"title": "later"}, 503)] * 6
    start()
    assert eventually(lambda: len(control_plane.received) >= 6)
    moments = [request.at for request in control_plane.received]
    assert moments[5] - moments[4] > 2 * (moments[1] - moments[0])
    ages = [heartbeat["minutes"][0]["age_seconds"] for heartbeat in control_plane.heartbeats[3:6]]
    assert ages[2] - ages[0] == pytest.approx(moments[5] - moments[3], abs=0.5)


def test_no_proxy_receives_an_unencrypted_token(
    start: Start, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda request: answered({"seen": request.path})) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
        start()
        assert eventually(lambda: len(control_plane.received) >= 2)


def test_the_older_half_of_rejected_minutes_is_dropped(start: Start, control_plane: ControlPlane) -> None:
    control_plane.answers = [answered({"next_in_seconds": 1.9, "confirmed": True}), answered({"title": "no"}, 422)]
    start()
    assert eventually(lambda: len(control_plane.heartbeats) >= 3)
    refused, after = control_plane.heartbeats[1:3]
    kept = [minute["sequence"] for minute in after["minutes"]]
    assert len(refused["minutes"]) >= 2
    assert refused["minutes"][0]["sequence"] not in kept
    assert refused["minutes"][-1]["sequence"] in kept


def test_the_agent_honours_retry_after(start: Start, control_plane: ControlPlane) -> None:
    control_plane.answers = [answered({"title": "too many"}, 429, **{"Retry-After": "2"})]
    start()
    assert eventually(lambda: len(control_plane.received) == 1)
    time.sleep(1.5)
    assert len(control_plane.received) == 1
    assert eventually(lambda: len(control_plane.minutes) >= 3)
    assert control_plane.minutes[0]["sequence"] == 0


def test_the_agent_reports_even_if_it_cannot_write_to_disk(
    start: Start, machine: Machine, control_plane: ControlPlane
) -> None:
    machine.write("/run/dormouse", "a file where the folder of the agent must be")
    start()
    assert eventually(lambda: len(control_plane.minutes) >= 2)


def test_a_redirect_is_not_followed(start: Start, control_plane: ControlPlane) -> None:
    elsewhere = ControlPlane()
    with serving(elsewhere) as port:
        there = {"Location": f"http://127.0.0.1:{port}/"}
        control_plane.answers = [(307, there, b""), (302, there, b"")]
        start()
        assert eventually(lambda: len(control_plane.received) >= 3)
    assert elsewhere.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/api",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "",
        "https://u:p@x.net",
        "https://[x",
    ],
)
def test_an_unencrypted_control_plane_url_is_rejected_at_startup(archive: Path, machine: Machine, url: str) -> None:
    machine.write("/etc/dormouse/agent.json", json.dumps({"control_plane": url, "audience": "a"}))
    done = subprocess.run(
        command(archive, machine), env=environment(machine), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert "https" in done.stderr


BROKEN = {
    "missing": (None, "nvidia-smi is not installed"),
    "fails": ("echo 'NVIDIA-SMI has failed because it could not communicate'; exit 9", "could not communicate"),
    "hangs": ("exec sleep 100", "hangs"),
    "rubbish": ("while :; do echo 'GPU is lost'; sleep 0.1; done", "GPU is lost"),
    "one of two lost": ("while :; do echo 'Unable to read GPU 0'; echo '1, 0, 1, 2, 3'; sleep 0.1; done", "Unable"),
    "never reached": ("echo '0, 0, 1, 2, 3'; echo '1, 0, 1, 2, 3'; echo 'GPU 2 is lost'; exec sleep 0.3", "1 of 3"),
    "mismatch": ("echo 'Failed to initialize NVML: mismatch'; echo 'NVML version: 535.1'; exit 18", "mismatch; NVML"),
    "complains": ("echo 'GPU access blocked' >&2; exit 4", "access blocked"),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_gpu_is_never_reported_as_idle(
    start: Start, machine: Machine, control_plane: ControlPlane, how: str
) -> None:
    script, problem = BROKEN[how]
    for number in range(3 if how == "never reached" else 1):
        machine.gpu(f"0000:00:1{number}.0")
    if script:
        machine.program("nvidia-smi", script)
    start()

    def told() -> bool:
        heartbeat: dict[str, Any] = control_plane.heartbeats[-1] if control_plane.heartbeats else {}
        reasons = heartbeat.get("gpu_problem", ""), heartbeat.get("problems", {}).get("gpu_percent", "")
        return all(problem in reason for reason in reasons)

    assert eventually(lambda: len(control_plane.minutes) >= 2 and told())
    assert {heartbeat["gpu"] for heartbeat in control_plane.heartbeats} == {"broken"}
    assert not GPU_SIGNALS & {name for minute in control_plane.minutes for name in minute["signals"]}


def test_a_gpu_without_utilization_data_is_not_reported_as_idle(
    start: Start, machine: Machine, control_plane: ControlPlane
) -> None:
    machine.gpu()
    machine.program(
        "nvidia-smi",
        'case "$*" in *compute-apps*) echo "[Not Supported]";; '
        '*) while :; do echo "0, [N/A], 100, 400, [Not Supported]"; sleep 0.1; done;; esac',
    )
    start()
    assert eventually(lambda: len(control_plane.minutes) >= 2)
    signals = control_plane.minutes[-1]["signals"]
    assert GPU_SIGNALS & set(signals) == {"gpu_memory_percent"}
    assert control_plane.heartbeats[-1]["gpu"] == "ok"
    assert "[N/A]" in control_plane.heartbeats[-1]["problems"]["gpu_percent"]


def test_a_machine_without_a_gpu_reports_its_gpu_as_absent(start: Start, control_plane: ControlPlane) -> None:
    start()
    assert eventually(lambda: len(control_plane.minutes) >= 1)
    assert set(control_plane.minutes[-1]["signals"]) == ALL_SIGNALS - GPU_SIGNALS
    assert {(beat["gpu"], beat["gpu_problem"]) for beat in control_plane.heartbeats} == {("absent", "")}
    assert control_plane.heartbeats[-1]["problems"] == {}


def test_heartbeats_explain_missing_signals_without_revealing_tokens(
    start: Start, machine: Machine, control_plane: ControlPlane
) -> None:
    machine.process(500, "jupyter-lab", command="jupyter-lab")
    machine.process(600, "python", 500, command="python -m ipykernel_launcher -f kernel.json")
    with serving(lambda _: answered({"message": "Forbidden"}, 403)) as port:
        machine.jupyter(500, port, token="s3cret")
        agent = start()
        assert eventually(lambda: any(beat["problems"] for beat in control_plane.heartbeats))
        for beat in control_plane.heartbeats:
            Heartbeat.model_validate(beat)
        reasons = next(beat["problems"] for beat in control_plane.heartbeats if beat["problems"])
        assert f"port {port} answers 403" in reasons["kernels_busy"]
        assert "s3cret" not in b"".join(request.content for request in control_plane.received).decode()
        assert "s3cret" not in agent.log.read_text()


def test_gpu_signals_resume_when_nvidia_smi_recovers(start: Start, machine: Machine, control_plane: ControlPlane) -> None:
    machine.gpu()
    machine.program("nvidia-smi", "exit 1")
    start()
    assert eventually(lambda: bool(control_plane.heartbeats) and control_plane.heartbeats[-1]["gpu"] == "broken")
    machine.program("nvidia-smi", TWO_GPUS)
    assert eventually(lambda: control_plane.heartbeats[-1]["gpu"] == "ok")


def test_a_warning_is_shown_once_in_plain_text_and_reported_once(
    start: Start, machine: Machine, control_plane: ControlPlane, alice: Terminal
) -> None:
    text = "The machine \x1b[31mstops\x07\r\nin 15 minutes\u202e \u0085 Ä"
    control_plane.warning = {"id": "w1", "text": text, "stop_in_seconds": 900.0}
    start()
    assert eventually(lambda: any(beat["shown"] for beat in control_plane.heartbeats))
    assert eventually(lambda: len(control_plane.minutes) >= 3)
    assert [beat["shown"] for beat in control_plane.heartbeats if beat["shown"]] == [["w1"]]
    lines = ["", "The machine [31mstops in 15 minutes Ä", 'To keep it running: dormouse-awake 2h "reason"', ""]
    assert alice.seen() == "\r\n".join(lines)


def test_a_warning_that_reached_no_terminal_is_retried_and_not_reported_as_shown(
    start: Start, machine: Machine, control_plane: ControlPlane, alice: Terminal
) -> None:
    (machine.root / "dev/pts/0").unlink()
    control_plane.warning = {"id": "w1", "text": "Good night", "stop_in_seconds": 900.0}
    agent = start()
    assert eventually(lambda: len(control_plane.heartbeats) >= 4)
    assert not any(beat["shown"] for beat in control_plane.heartbeats)
    assert agent.log.read_text().count("warning not shown") == 1
    alice.open()
    assert eventually(lambda: any(beat["shown"] == ["w1"] for beat in control_plane.heartbeats))


def test_a_warning_is_not_reported_as_shown_without_an_open_session(
    start: Start, machine: Machine, control_plane: ControlPlane
) -> None:
    machine.program("wall", "exit 0")  # it succeeds even if no one is logged in
    control_plane.warning = {"id": "w1", "text": "Good night", "stop_in_seconds": 900.0}
    start()
    assert eventually(lambda: len(control_plane.heartbeats) >= 4)
    assert not any(beat["shown"] for beat in control_plane.heartbeats)


def run_hold_command(archive: Path, machine: Machine, *words: str) -> tuple[int, str]:
    asked = command(archive, machine, "awake", *words)
    done = subprocess.run(asked, env=environment(machine), capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_hold_is_reported_and_the_granted_hold_is_shown(
    start: Start, machine: Machine, archive: Path, control_plane: ControlPlane
) -> None:
    start()
    assert eventually(lambda: len(control_plane.heartbeats) >= 1)
    assert run_hold_command(archive, machine, "2h", "training", "\x1b[1movernight") == (
        0,
        "Hold requested for 2 h; the control plane may shorten it (run dormouse-awake in a minute to see).\n",
    )
    assert eventually(lambda: bool(control_plane.heartbeats[-1]["holds"]))
    (hold,) = Heartbeat.model_validate_json(control_plane.received[-1].content).holds
    assert hold.reason == "training [1movernight"
    assert 7100 < hold.until_in_seconds <= 7200
    control_plane.hold = {"by": hold.by, "reason": hold.reason, "until_in_seconds": 3600.0}
    assert eventually(lambda: "another 1 h, by" in run_hold_command(archive, machine)[1])
    assert run_hold_command(archive, machine, "off")[0] == 0
    assert eventually(lambda: not control_plane.heartbeats[-1]["holds"])
    assert run_hold_command(archive, machine, "off") == (0, "You have no hold to remove.\n")


def test_a_shown_warning_is_reported_at_once_and_then_the_pause_of_the_answer_is_kept(
    start: Start, alice: Terminal, control_plane: ControlPlane
) -> None:
    warning = {"id": "w1", "text": "It stops.", "stop_in_seconds": 900.0}
    said = {"next_in_seconds": 3000, "confirmed": True, "warning": warning}
    control_plane.answers = [answered(said)] * 9
    start()
    assert eventually(lambda: control_plane.heartbeats[-1:] != [] and control_plane.heartbeats[-1]["shown"] == ["w1"])
    sent = len(control_plane.heartbeats)
    time.sleep(1.0)  # more than a minute of agent time
    assert len(control_plane.heartbeats) == sent, "a warning that is shown already does not hasten the next heartbeat"


def test_a_hold_is_reported_at_once_even_during_a_long_pause(
    start: Start, machine: Machine, archive: Path, control_plane: ControlPlane
) -> None:
    control_plane.answers = [answered({"next_in_seconds": 3000, "confirmed": True})] * 5
    start()
    assert eventually(lambda: len(control_plane.heartbeats) >= 1)
    assert run_hold_command(archive, machine, "2h", "training")[0] == 0
    assert eventually(lambda: bool(control_plane.heartbeats[-1]["holds"]))


def test_a_heartbeat_contains_at_most_twenty_holds(start: Start, machine: Machine, control_plane: ControlPlane) -> None:
    for number in range(50):
        content = json.dumps({"made": 0, "seconds": 604_800, "reason": f"reason {number}"})
        path = machine.write(f"/run/dormouse/awake.d/{number}", content)
        os.chown(path, 20_000 + number if os.getuid() == 0 else -1, -1)  # only root can change the owner of a file
    start()
    assert eventually(lambda: len(control_plane.heartbeats) >= 2)
    expected = 20 if os.getuid() == 0 else 1
    assert {len(beat["holds"]) for beat in control_plane.heartbeats} == {expected}


def test_a_longer_hold_replaces_a_shorter_one_but_not_vice_versa(start: Start, machine: Machine, archive: Path) -> None:
    start()
    folder = machine.root / "run/dormouse/awake.d"
    assert eventually(lambda: folder.exists() and folder.stat().st_mode & 0o7777 == 0o1777)
    assert run_hold_command(archive, machine, "8h", "over night")[0] == 0
    code, said = run_hold_command(archive, machine, "90m", "lunch")
    assert (code, said) == (
        0,
        "Your hold for another 8 h (over night) lasts longer than 1 h 30 min and stays in place. "
        "To remove it: dormouse-awake off\n",
    )
    assert "another 8 h, by" in run_hold_command(archive, machine)[1]
    assert run_hold_command(archive, machine, "1", "day", "for", "training")[0] == 0
    assert len(list(folder.iterdir())) == 1
    assert re.search(r"another 1 d, by .*: for training\n", run_hold_command(archive, machine)[1])
    assert run_hold_command(archive, machine, "off")[0] == 0
    assert list(folder.iterdir()) == []
    assert run_hold_command(archive, machine, "30min")[0] == 0
    assert "another 30 min, by" in run_hold_command(archive, machine)[1]


@pytest.mark.parametrize(
    "duration",
    ["soon", "8d", "-1", "0", "2x", "1e9", "nan", "10s", "999999999999999999999d", "²h", "2", "2.5", "90s", "1h1h", "2mo"],
)
def test_an_invalid_hold_duration_is_rejected_with_an_explanation(machine: Machine, archive: Path, duration: str) -> None:
    (machine.root / "run/dormouse/awake.d").mkdir(parents=True)
    code, said = run_hold_command(archive, machine, duration, "why not")
    assert code == 2
    assert duration in said
    assert list((machine.root / "run/dormouse/awake.d").iterdir()) == []


def test_the_hold_command_reports_that_no_agent_is_running(machine: Machine, archive: Path) -> None:
    for words in ((), ("2h",), ("off",)):
        code, said = run_hold_command(archive, machine, *words)
        assert code == 1
        assert "Check that the agent is running" in said


def test_the_check_command_lists_known_signals_and_explains_the_missing_ones(machine: Machine, archive: Path) -> None:
    machine.write("/etc/dormouse/agent.json", '{"control_plane": "https://x.azurewebsites.net/api", "audience": "api://us"}')
    (machine.root / "var/run/utmp").unlink()  # newer systems have no utmp
    (machine.root / "proc/net/dev").unlink()
    machine.process(500, "jupyter-lab", command="jupyter-lab")
    machine.jupyter(500, 9)
    asked = command(archive, machine, "--metadata", "http://127.0.0.1:9", "check")
    done = subprocess.run(asked, env=environment(machine), capture_output=True, text=True, timeout=20, check=True)
    lines = done.stdout.splitlines()
    assert "control plane: https://x.azurewebsites.net/api" in lines
    assert "GPUs: absent" in lines
    assert "connections: connections 0" in lines
    assert "logins: logins 0" in lines
    assert any(line.startswith("network: unknown, because ") for line in lines)
    assert any("port 9 cannot be queried" in line and "by their processes" in line for line in lines)
    assert any(line.startswith("machine: unknown, because ") for line in lines)


def test_a_stopped_agent_leaves_no_nvidia_smi_process_behind(start: Start, machine: Machine, tmp_path: Path) -> None:
    machine.gpu()
    machine.program("nvidia-smi", f"echo $$ > {tmp_path}/pid; exec sleep 100")
    agent = start()
    assert eventually(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text().strip()))
    agent.end()
    child = int((tmp_path / "pid").read_text())
    assert eventually(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
