"""What the agent sees of Jupyter: servers wherever their files are, and kernels whose server cannot be queried."""

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from dormouse.guest.agent.filesystem import FileSystem
from dormouse.guest.agent.gpu.gpus import GpuProcesses, Gpus
from dormouse.guest.agent.intervals import Intervals
from dormouse.guest.agent.notebooks.notebooks import Notebooks
from dormouse.guest.agent.notebooks.processes import is_server, kernel_name
from dormouse.guest.agent.sources import read_source
from dormouse.guest.agent.system.processes import Processes
from tests.guest.fakes import Answer, Machine, Request, answered, serving
from tests.support import eventually

IDLE = {"id": "a", "name": "python3", "last_activity": "2026-01-01T00:00:00Z", "execution_state": "idle", "connections": 0}
BUSY = {**IDLE, "id": "b", "execution_state": "busy", "connections": 2}
LAB, KERNEL = "/usr/bin/python3 /usr/bin/jupyter-lab --no-browser", "python3 -m ipykernel_launcher -f {}"
CONNECTION = "/run/jupyter/kernel-0d0e0d0e-0d0e-4d0e-8d0e-0d0e0d0e0d0{}.json"
NOTHING = dict.fromkeys(("kernels", "kernels_busy", "kernels_active", "kernel_connections"), 0)
ONE_QUIET = {"kernels": 1, "kernels_busy": 0, "kernels_active": 0}
HEADER = "  sl  local_address rem_address   st\n"


def notebooks(machine: Machine) -> Notebooks:
    filesystem = FileSystem(str(machine.root))
    return Notebooks(filesystem, Processes(filesystem))


def known(source: Notebooks, moment: float = 0.0, since: float = 0.0) -> dict[str, float]:
    signals, why = read_source(source, moment, since)
    assert not why
    return signals


def unknown(source: Notebooks, moment: float = 0.0) -> str:
    signals, why = read_source(source, moment, 0.0)
    assert signals == {}
    assert why
    return why


def server(machine: Machine, pid: int = 500, command: str = LAB, environment: dict[str, str] | None = None) -> None:
    machine.process(pid, "jupyter-lab", command=command)
    machine.write(f"/proc/{pid}/environ", "\0".join(f"{name}={value}" for name, value in (environment or {}).items()))


def kernel(machine: Machine, pid: int = 600, parent: int = 500, ticks: int = 40, command: str = "") -> None:
    """A kernel process that has used the given number of CPU ticks."""
    machine.process(pid, "python3", parent, command or KERNEL.format(CONNECTION.format(pid % 10)))
    machine.write(f"/proc/{pid}/stat", f"{pid} (python3) S {parent} 0 0 0 0 0 0 0 0 0 {ticks} 7 0 0 20 0 9 0 5000")


def file(machine: Machine, folder: str, port: int, pid: int = 500, **more: Any) -> None:
    said = {"pid": pid, "port": port, "secure": False, "base_url": "/", "token": "t0k", "hostname": "localhost"}
    machine.write(f"{folder}/jpserver-{pid}.json", json.dumps({**said, **more}))


def test_kernels_are_queried_locally_without_extending_the_servers_idle_timeout(machine: Machine) -> None:
    asked: list[Request] = []
    kernels = [dict(IDLE), dict(BUSY)]

    def respond(request: Request) -> Answer:
        asked.append(request)
        return answered(kernels)

    with serving(respond) as port:
        machine.process(500, "python", command="python -m jupyterlab")
        machine.jupyter(500, port)
        machine.jupyter(501, port + 1)  # died without removing its file
        source = notebooks(machine)
        seen = {"kernels": 2, "kernels_busy": 1, "kernels_active": 0, "kernel_connections": 2}
        assert known(source, 100.0, since=60.0) == seen
        kernels[0]["last_activity"] = "2026-01-01T00:01:00Z"
        assert known(source, 110.0, since=60.0) == {**seen, "kernels_active": 1}
        assert known(source, 130.0, since=120.0) == seen
    assert {request.path for request in asked} == {"/lab/api/kernels"}
    assert {request.headers["authorization"] for request in asked} == {"token t0k"}
    assert asked[0].query == {"no_track_activity": ["1"]}


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"JUPYTER_RUNTIME_DIR": "/scratch/rt"}, "/scratch/rt"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/jupyter"),
        ({}, "/run/user/1000/jupyter"),
        ({"JUPYTER_DATA_DIR": "/data/jupyter/"}, "/data/jupyter/runtime"),
        ({"XDG_DATA_HOME": "/data"}, "/data/jupyter/runtime"),
        ({"HOME": "/home/CORP/ana"}, "/home/CORP/ana/.local/share/jupyter/runtime"),
        ({"HOME": "/shared/home/ana"}, "/shared/home/ana/.local/share/jupyter/runtime"),
        *(({}, f"{home}/.local/share/jupyter/runtime") for home in ("/export/people/ana", "/home/alice", "/root")),
    ],
)
def test_a_busy_cell_is_detected_in_every_runtime_folder(machine: Machine, environment: dict[str, str], folder: str) -> None:
    machine.write(
        "/etc/passwd", f"root:x:0:0:root:/root:/bin/sh\nana:x:{os.getuid()}:1:,,,:/export/people/ana:/bin/bash\nx\n"
    )
    with serving(lambda _: answered([BUSY])) as port:
        server(machine, environment=environment)
        file(machine, folder, port)
        assert known(notebooks(machine)) == {"kernels": 1, "kernels_busy": 1, "kernels_active": 0, "kernel_connections": 2}


def test_the_runtime_folder_is_found_from_options_and_connection_files(machine: Machine) -> None:
    with serving(lambda _: answered([BUSY])) as port:
        server(machine, command=f"{LAB} --JupyterApp.runtime_dir=/opt/rt")
        file(machine, "/opt/rt", port)
        assert known(notebooks(machine))["kernels_busy"] == 1
    with serving(lambda _: answered([BUSY])) as port:
        server(machine, 510, command="python3 serve_jupyter.py")
        kernel(machine, 601, 510, command="python3 -m ipykernel_launcher -f /odd/kernel-1.json")
        file(machine, "/odd", port, 510)
        server(machine)  # its file is gone and its port closed
        (machine.root / "opt/rt/jpserver-500.json").unlink()
        kernel(machine, 600)
        assert known(notebooks(machine))["kernels_busy"] == 1


HUB = {"JUPYTERHUB_API_TOKEN": "hub-token", "JUPYTERHUB_SERVICE_PREFIX": "/user/ana/", "HOME": "/home/ana"}


@pytest.mark.parametrize("where", ["file", "file of the hub", "environment"])
def test_a_jupyterhub_server_is_queried_with_the_token_of_its_environment(machine: Machine, where: str) -> None:
    def respond(request: Request) -> Answer:
        good = request.headers.get("authorization") == "token hub-token" and request.path == "/user/ana/api/kernels"
        return answered([BUSY]) if good else answered({}, 403)

    with serving(respond) as port:
        command = "/opt/tljh/user/bin/python3 /opt/tljh/user/bin/jupyterhub-singleuser"
        server(machine, 500, command, {**HUB, "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}/user/ana/"})
        if where != "environment":
            base = "/user/ana/" if where == "file of the hub" else "/"
            file(machine, "/home/ana/.local/share/jupyter/runtime", port, token="", base_url=base)
        assert known(notebooks(machine))["kernels_busy"] == 1


REFUSALS: list[tuple[Answer, str]] = [
    (answered({}, 403), "403"), ((302, {"Location": "/login"}, b""), "302"), (answered({}, 500), "500"),
    (answered({}), "list"), ((200, {}, b"<"), "list"), ((0, {}, b""), "queried"), (answered([1]), "list"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "why"), REFUSALS)
def test_kernels_of_an_unresponsive_server_are_detected_by_their_processes(machine: Machine, said: Answer, why: str) -> None:
    with serving(lambda _: said) as port:
        server(machine)
        machine.jupyter(500, port)
        source = notebooks(machine)
        quiet = {"kernels": 0, "kernels_busy": 0, "kernels_active": 0}
        assert known(source, 100.0, since=60.0) == quiet
        assert why in source.remark
        assert set(source.problems) == {"kernel_connections"}
        kernel(machine)
        assert known(source, 110.0, since=60.0) == {"kernels": 1, "kernels_busy": 1, "kernels_active": 1}, "it starts"
        kernel(machine, ticks=41)
        assert known(source, 122.0, since=120.0) == ONE_QUIET
        kernel(machine, ticks=500)
        assert known(source, 134.0, since=120.0) == {"kernels": 1, "kernels_busy": 1, "kernels_active": 1}
        assert known(source, 146.0, since=120.0) == {"kernels": 1, "kernels_busy": 0, "kernels_active": 1}
        assert known(source, 194.0, since=180.0) == ONE_QUIET


def test_activity_from_processes_is_unknown_after_the_first_sample(machine: Machine) -> None:
    with serving(lambda _: answered({}, 403)) as port:
        server(machine)
        machine.jupyter(500, port)
        kernel(machine)
        source = notebooks(machine)
        assert known(source, 100.0, since=60.0) == {"kernels": 1}
        assert f"port {port} answers 403" in source.problems["kernels_busy"]
        assert known(source, 112.0, since=60.0) == ONE_QUIET


def test_child_processes_and_waiting_of_a_cell_count_as_kernel_activity(machine: Machine) -> None:
    with serving(lambda _: answered({}, 403)) as port:
        server(machine)
        machine.jupyter(500, port)
        kernel(machine)
        source = notebooks(machine)
        known(source, 100.0)
        kernel(machine, 601, 600, ticks=900, command="python3 train.py")
        assert known(source, 112.0, since=60.0)["kernels_busy"] == 1
        assert known(source, 124.0, since=60.0)["kernels_busy"] == 0
        for step, (function, busy) in enumerate(
            (("hrtimer_nanosleep", 1), ("do_wait", 1), ("ep_poll", 0), ("futex_wait_queue", 0), ("0", 0))
        ):
            machine.write("/proc/600/wchan", function)
            assert known(source, 136.0 + step, since=130.0)["kernels_busy"] == busy, function


def test_unreadable_kernel_processes_make_kernels_unknown_and_the_reason_names_the_server(machine: Machine) -> None:
    with serving(lambda _: answered({}, 403)) as port:
        server(machine)
        machine.jupyter(500, port, token="s3cret")
        machine.process(600, "python3", 500, KERNEL.format("/x/kernel.json"))
        why = unknown(notebooks(machine))
    assert why == f"the Jupyter server on port {port} answers 403 and its kernels' processes cannot be read"


def test_a_missing_server_file_does_not_mean_that_there_are_no_kernels(machine: Machine) -> None:
    server(machine)
    assert "not found" in unknown(notebooks(machine))
    kernel(machine)
    source = notebooks(machine)
    known(source, 100.0)
    assert known(source, 112.0, since=110.0) == ONE_QUIET
    kernel(machine, ticks=400)
    assert known(source, 124.0, since=120.0)["kernels_busy"] == 1


@pytest.mark.parametrize("command", ["/usr/bin/voila app.ipynb", "python3 /usr/bin/jupyter-kernelgateway --port=8"])
def test_a_server_without_a_file_and_without_kernels_is_idle(machine: Machine, command: str) -> None:
    server(machine, command=command)
    assert known(notebooks(machine))["kernels"] == 0


def test_a_contradiction_between_server_and_processes_makes_kernels_unknown(machine: Machine) -> None:
    with serving(lambda _: answered([])) as port:
        server(machine)
        machine.jupyter(500, port)
        kernel(machine)
        assert "reports 0 kernel(s), but 1 are running" in unknown(notebooks(machine))


@pytest.mark.parametrize(
    ("parent", "command"),
    [
        (1, KERNEL.format("/home/ana/.local/share/jupyter/runtime/kernel-v3a1b2c3d4.json")),
        (1, "/usr/lib/R/bin/exec/R --slave -e IRkernel::main() --args " + CONNECTION.format(1)),
        (700, "python3 -m ipykernel_launcher --f=" + CONNECTION.format(1)),
        (510, KERNEL.format(CONNECTION.format(1))),  # of a Jupyter terminal
    ],
)
def test_a_kernel_not_started_by_a_server_counts_as_a_program(machine: Machine, parent: int, command: str) -> None:
    with serving(lambda _: answered([])) as port:
        server(machine)
        machine.jupyter(500, port)
        machine.process(510, "bash", 500, "/bin/bash -l")
        machine.process(700, "papermill", 1, "/usr/bin/python3 /usr/bin/papermill in.ipynb out.ipynb")
        kernel(machine, 600, parent, command=command)
        assert known(notebooks(machine)) == {**NOTHING, "kernels": 1, "kernels_busy": 1}


def test_a_forked_or_wrapped_kernel_counts_once(machine: Machine) -> None:
    with serving(lambda _: answered([IDLE])) as port:
        server(machine)
        machine.jupyter(500, port)
        wrapped = KERNEL.format(CONNECTION.format(1))
        machine.process(600, "python3", 500, f"python3 /opt/conda/bin/conda run -n x {wrapped}")
        machine.process(601, "bash", 600, "bash /tmp/tmpx")
        kernel(machine, 602, 601, command=wrapped)
        kernel(machine, 603, 602, command=wrapped)
        kernel(machine, 510, 500, command=LAB)  # the server has forked, too
        assert known(notebooks(machine)) == {**NOTHING, "kernels": 1}


def test_a_server_in_a_container_is_detected_by_its_processes_on_the_host(machine: Machine) -> None:
    with serving(lambda _: answered([])) as port:  # another program has that port here
        server(machine, environment={"HOME": "/home/jovyan"})
        for pid, number in (("500", 7), ("self", 1)):
            (machine.root / f"proc/{pid}/ns").mkdir(parents=True)
            (machine.root / f"proc/{pid}/ns/net").symlink_to(f"net:[{number}]")
        machine.write("/proc/500/status", "Name:\tjupyter-lab\nNSpid:\t500\t7\n")
        folder = "/proc/500/root/home/jovyan/.local/share/jupyter/runtime"
        file(machine, folder, port, 7)
        source = notebooks(machine)
        assert known(source)["kernels"] == 0
        assert "container" in source.remark
        kernel(machine)
        known(source, 100.0)
        kernel(machine, ticks=400)
        assert known(source, 112.0, since=110.0)["kernels_busy"] == 1


def test_a_server_file_in_the_servers_own_mount_namespace_is_found(machine: Machine) -> None:
    with serving(lambda _: answered([BUSY])) as port:
        server(machine, environment={"JUPYTER_RUNTIME_DIR": "/tmp/rt"})
        file(machine, "/proc/500/root/tmp/rt", port)  # /tmp of the agent is a different one
        assert known(notebooks(machine))["kernels_busy"] == 1


def test_a_failing_server_does_not_hide_the_others(machine: Machine) -> None:
    with serving(lambda _: answered([BUSY])) as good, serving(lambda _: answered({}, 500)) as bad:
        server(machine)
        machine.jupyter(500, good)
        server(machine, 501)
        machine.jupyter(501, bad)
        source = notebooks(machine)
        assert known(source) == {"kernels": 1, "kernels_busy": 1, "kernels_active": 0}
        assert f"port {bad} answers 500" in source.remark


def test_intermittent_server_failures_do_not_count_as_activity(machine: Machine) -> None:
    answers: list[Answer] = []
    with serving(lambda _: answers.pop(0)) as port:
        server(machine)
        machine.jupyter(500, port)
        kernel(machine)
        source = notebooks(machine)
        for step in range(8):
            answers.append(answered([IDLE]) if step % 2 else answered({}, 503))
            seen = known(source, 100.0 + 12 * step, since=95.0 + 12 * step)
            assert step < 2 or seen["kernels_active"] == 0, step


@pytest.mark.parametrize(
    ("without", "lacks"), [({"connections": None}, "kernel_connections"), ({"last_activity": None}, "kernels_active")]
)
def test_a_field_missing_from_an_old_server_affects_only_its_signal(
    machine: Machine, without: dict[str, Any], lacks: str
) -> None:
    old = {name: value for name, value in {**BUSY, **without}.items() if name != "last_activity" or value}
    with serving(lambda _: answered([old])) as port:
        server(machine)
        machine.jupyter(500, port)
        source = notebooks(machine)
        seen = known(source)
        assert (set(NOTHING) - set(seen), seen["kernels_busy"]) == ({lacks}, 1)
        assert set(source.problems) == {lacks}
        kernel(machine)
        known(source, 100.0)
        kernel(machine, ticks=400)
        if lacks == "kernels_active":
            assert known(source, 112.0, since=110.0)["kernels_active"] == 1, "by its processes"


@pytest.mark.parametrize("state", ["starting", "restarting", "dead", "unknown", None, "idle"])
def test_only_the_state_busy_counts_as_a_running_cell(machine: Machine, state: str | None) -> None:
    with serving(lambda _: answered([{**BUSY, "execution_state": state}])) as port:
        server(machine)
        machine.jupyter(500, port)
        assert known(notebooks(machine))["kernels_busy"] == 0


def test_a_server_file_with_a_reused_process_id_is_ignored(machine: Machine) -> None:
    machine.jupyter(500, 1)
    machine.process(500, "cron", command="/usr/sbin/cron -f")
    source = notebooks(machine)
    assert known(source) == NOTHING
    assert source.remark == ""


def test_a_server_file_written_by_another_user_is_ignored(machine: Machine) -> None:
    with serving(lambda _: answered([])) as port:
        server(machine)
        machine.jupyter(500, port)
        assert known(notebooks(machine))["kernels"] == 0
        mine = os.getuid()
        if mine == 0:  # only root can change the owner of a file
            os.chown(machine.root / "home/alice/.local/share/jupyter/runtime/jpserver-500.json", 54_321, -1)
        _, why = read_source(notebooks(machine), 0.0, 0.0)
        assert ("not found" in why) == (mine == 0)


@pytest.mark.parametrize(
    "more",
    [
        {"base_url": "@evil.example/"},
        {"base_url": "/a"},
        {"token": "s3cret\nword"},
        {"hostname": "x", "token": "s3cret\x00"},
    ],
)
def test_an_invalid_server_file_is_not_used_and_its_content_is_not_logged(machine: Machine, more: dict[str, str]) -> None:
    server(machine)
    machine.jupyter(500, 1, **{"token": "s3cret", **more})
    source = notebooks(machine)
    assert known(source)["kernels"] == 0
    assert source.remark
    assert "s3cret" not in source.remark
    machine.process(600, "python3", 500, KERNEL.format("/x/kernel.json"))
    assert "s3cret" not in unknown(source, 12.0)


@pytest.mark.parametrize(("host", "row"), [("127.0.0.2", False), ("localhost", True), ("gpu1.corp.example", True)])
def test_a_server_is_queried_at_the_address_it_listens_on(machine: Machine, host: str, row: bool) -> None:
    with serving(lambda _: answered([BUSY]), host="127.0.0.2") as port:
        server(machine)
        machine.jupyter(500, port, hostname=host)
        if row:
            machine.write("/proc/net/tcp", f"{HEADER} 0: 0200007F:{port:04X} 00000000:0000 0A 0:0 0:0 0 {os.getuid()} 0 9\n")
        assert known(notebooks(machine))["kernels_busy"] == 1


def test_no_token_is_sent_to_another_user_or_another_machine(machine: Machine) -> None:
    asked: list[Request] = []

    def respond(request: Request) -> Answer:
        asked.append(request)
        return answered([])

    with serving(respond) as port:
        server(machine)
        machine.jupyter(500, port)
        row = f" 0: 0100007F:{port:04X} 00000000:0000 0A 0:0 0:0 0 {os.getuid() + 4711} 0 9\n"
        machine.write("/proc/net/tcp", HEADER + row)
        source = notebooks(machine)
        assert known(source)["kernels"] == 0
        assert "another user listens" in source.remark
        machine.write("/proc/net/tcp", HEADER)
        machine.jupyter(500, port, hostname="203.0.113.9")
        known(source, 12.0)
        assert "does not belong to this machine" in source.remark
    assert asked == []


@contextmanager
def listening_at(path: Path, kernels: list[dict[str, Any]], asked: list[str]) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['Authorization']}")
            body = json.dumps(kernels).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "socket"

        def log_message(self, *_: Any) -> None:
            pass

    with socketserver.UnixStreamServer(str(path), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield
        listening.shutdown()
        thread.join()


def test_a_server_behind_a_unix_socket_is_queried_through_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    short = Machine(tmp_path_factory.mktemp("s"), Path())
    asked: list[str] = []
    server(short)
    short.jupyter(500, 0, sock="/j.sock")
    with listening_at(short.root / "j.sock", [BUSY], asked):
        assert known(notebooks(short))["kernels_busy"] == 1
    assert asked == ["/lab/api/kernels?no_track_activity=1 token t0k"]
    source = notebooks(short)
    assert known(source)["kernels"] == 0
    assert "socket" in source.remark


@pytest.mark.parametrize(
    "command",
    [
        "/usr/bin/python3 /usr/local/bin/jupyter-lab --port=1", "jupyter-notebook", "python3.11 -m notebook --ip=0.0.0.0",
        "python -m jupyter lab", "/opt/python -W ignore::x -m jupyter_server", "/usr/bin/python3 -I /x/jupyter-server",
        "/x/bin/python /x/bin/jupyterhub-singleuser --debug", "/x/python3 /x/batchspawner-singleuser jupyterhub-singleuser",
        "/opt/conda/bin/python /opt/conda/bin/jupyter lab", "pypy3 -m jupyterlab",
    ],
)  # fmt: skip
def test_commands_of_jupyter_servers_are_recognized(command: str) -> None:
    if "-W" in command:
        command = command.replace("-W ignore::x", "-Wignore")
    assert is_server("python3", command.split())


@pytest.mark.parametrize(
    "command",
    [
        "vim notebook.ipynb", "sudo -u ana jupyter-lab", "bash -c jupyter-lab", "python3 /usr/bin/jupyter nbconvert x.ipynb",
        "/usr/bin/python3 /usr/bin/jupyterhub --config=x", "python3 train.py jupyter-lab", "node /x/configurable-http-proxy",
        "python3 -c import jupyterlab", "grep jupyter-lab", "docker run jupyter/base jupyter-lab", "python3 -m",
    ],
)  # fmt: skip
def test_other_commands_are_not_recognized_as_jupyter_servers(command: str) -> None:
    assert not is_server("python3", command.split())
    assert kernel_name(command.split()) is None


def test_commands_that_only_mention_ipykernel_are_not_kernels() -> None:
    for command in ("grep ipykernel", "python3 /x/pip install ipykernel", "python3 -m ipykernel install --user", "", "R"):
        assert kernel_name(command.split()) is None, command
    for command in ("jupyter-lab", "jupyterhub-sing"):
        assert is_server(command, [])


def test_only_kernels_of_servers_and_r_sessions_count_as_idle_holders_of_a_gpu(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{machine.programs}:{os.defpath}")
    machine.program(
        "nvidia-smi",
        'case "$*" in *apps*) echo "600, 9"; echo "601, 9"; echo "602, 9";; *) echo "0, 0, 1, 9, 9"; sleep 9;; esac',
    )
    filesystem = FileSystem(str(machine.root))
    processes = Processes(filesystem)
    gpus = Gpus(filesystem, Intervals(0.6))
    server(machine)
    kernel(machine, 600, 500)
    kernel(machine, 601, 1)
    machine.process(602, "rsession")
    try:
        assert eventually(lambda: bool(read_source(gpus, 0.0, 0.0)[0]))
        assert read_source(GpuProcesses(gpus, processes), 0.0, 0.0) == ({"gpu_processes": 1, "gpu_kernel_processes": 2}, "")
    finally:
        gpus.end()
