"""What counts as a job on a machine: programs in terminals, jobs of batch systems and CI agents, containers."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dormouse.guest.agent.filesystem import FileSystem
from dormouse.guest.agent.sessions.sources import Terminals
from dormouse.guest.agent.sources import read_source
from dormouse.guest.agent.system.processes import Processes
from dormouse.guest.agent.work.batch import BatchJobs
from dormouse.guest.agent.work.containers import Containers, Docker
from dormouse.guest.agent.work.terminal_jobs import TerminalJobs
from tests.guest.fakes import Machine


@pytest.fixture
def filesystem(machine: Machine) -> FileSystem:
    return FileSystem(str(machine.root))


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with short file names, as Unix sockets need them."""
    return Machine(Path(tmp_path_factory.mktemp("m")), Path())


def terminal_jobs(filesystem: FileSystem) -> float:
    signals, why = read_source(TerminalJobs(filesystem, Processes(filesystem)), 0.0, 0.0)
    assert not why
    return signals["terminal_jobs"]


def batch_jobs(filesystem: FileSystem) -> float:
    signals, why = read_source(BatchJobs(filesystem, Processes(filesystem), Docker(filesystem)), 0.0, 0.0)
    assert not why
    return signals["batch_jobs"]


def containers(filesystem: FileSystem) -> float | str:
    signals, why = read_source(Containers(filesystem, Processes(filesystem), Docker(filesystem)), 0.0, 0.0)
    return why or signals["containers"]


@pytest.mark.parametrize(
    "server",
    [
        ("tmux: server", "tmux new -d"), ("screen", "SCREEN"), ("zellij", "zellij --server x"), ("dtach", "dtach -n x bash"),
        ("abduco", "abduco -n x"), ("jupyter-lab", "jupyter-lab"), ("node", "node /x/bootstrap-fork --type=ptyHost"),
        ("mosh-server", "mosh-server new"), ("sshd", "sshd: ana@pts/1"), ("something-new", "something-new"),
    ],
    ids=lambda server: server[0],
)  # fmt: skip
def test_a_program_in_any_kind_of_terminal_counts_as_a_job(
    machine: Machine, filesystem: FileSystem, server: tuple[str, str]
) -> None:
    machine.process(10, server[0], command=server[1])
    machine.process(11, "bash", 10, "-bash", terminal="pts/1")
    assert terminal_jobs(filesystem) == 0
    machine.process(12, "python", 11, "python fetch.py", terminal="pts/1", leads=11)
    assert terminal_jobs(filesystem) == 1
    machine.process(13, "python", 12, "python worker.py")  # it has left the terminal, but its parent has not
    machine.process(14, "python", 11, terminal="pts/1", leads=11, state="Z")
    assert terminal_jobs(filesystem) == 2


def test_an_orphaned_program_still_counts_by_its_terminal(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(12, "python", 1, terminal="pts/1", leads=11)
    assert terminal_jobs(filesystem) == 1


@pytest.mark.parametrize(
    "name",
    ["bash", "zsh", "fish", "sh", "nu", "sudo", "su", "login", "agetty", "tmux: client", "screen", "zellij",
     "ssh-agent", "gpg-agent",
     "dbus-daemon", "gitstatusd-linux"],
)  # fmt: skip
def test_shells_and_their_helpers_are_not_jobs(machine: Machine, filesystem: FileSystem, name: str) -> None:
    machine.process(11, "bash", 1, "-bash", terminal="pts/1")
    machine.process(12, name, 11, name, terminal="pts/1", leads=11)
    machine.process(13, name, 1, name, terminal="ttyS0")
    assert terminal_jobs(filesystem) == 0


@pytest.mark.parametrize(
    ("command", "works"),
    [
        ("bash train.sh", True), ("bash -c while:;do:;done", True), ("-bash", False), ("bash", False),
        ("/bin/bash -l", False),
        ("bash --rcfile /x/rc -i", False), ("bash --init-file /x/shellIntegration-bash.sh", False), ("zsh -il", False),
        ("bash -o vi", False), ("sh -lc x", True), ("bash --norc", False),
    ],
)  # fmt: skip
def test_a_shell_counts_only_while_it_runs_a_script(
    machine: Machine, filesystem: FileSystem, command: str, works: bool
) -> None:
    machine.process(11, "bash", 1, command, terminal="pts/1")
    assert terminal_jobs(filesystem) == works
    machine.process(12, "bash", 11, "bash", terminal="pts/1", leads=11)  # it only started this one
    assert terminal_jobs(filesystem) == 0


def test_programs_on_the_console_count_only_below_a_shell(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(10, "agetty", 1, "agetty ttyS0", terminal="ttyS0")
    machine.process(20, "plymouthd", 1, terminal="tty1")
    assert terminal_jobs(filesystem) == 0
    machine.process(30, "login", 1, terminal="tty2")
    machine.process(31, "bash", 30, "-bash", terminal="tty2", leads=30)
    assert terminal_jobs(filesystem) == 0
    machine.process(32, "python", 31, terminal="tty2", leads=30)
    assert terminal_jobs(filesystem) == 1


def test_a_desktop_on_a_console_is_not_a_job(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(40, "gdm-session-wor")
    machine.process(41, "gdm-x-session", 40, terminal="tty2")
    machine.process(42, "sh", 41, "/bin/sh /etc/X11/Xsession", terminal="tty2", leads=41)
    machine.process(43, "gnome-session-b", 42, terminal="tty2", leads=41)
    machine.process(44, "Xorg", 41, terminal="tty2", leads=41)
    assert terminal_jobs(filesystem) == 0


@pytest.mark.parametrize("shim", ["containerd-shim", "conmon"])
def test_a_container_console_is_not_a_job_but_a_terminal_opened_in_it_is(
    machine: Machine, filesystem: FileSystem, shim: str
) -> None:
    machine.process(50, shim)
    machine.process(51, "python", 50, "python serve.py", terminal="pts/0")
    machine.process(52, "sh", 50, terminal="pts/1")  # docker exec -it
    machine.process(53, "top", 52, terminal="pts/1", leads=52)
    assert terminal_jobs(filesystem) == 0
    machine.process(54, "tmux: server", 51)
    machine.process(55, "bash", 54, "-bash", terminal="pts/2")
    machine.process(56, "python", 55, terminal="pts/2", leads=55)
    assert terminal_jobs(filesystem) == 1


def test_a_cycle_of_parent_processes_is_handled(machine: Machine, filesystem: FileSystem) -> None:
    machine.process(40, "loop", 41)
    machine.process(41, "loop", 40)
    assert terminal_jobs(filesystem) == 0


def test_input_at_a_console_counts_only_after_a_login(machine: Machine, filesystem: FileSystem) -> None:
    serial = machine.write("/dev/ttyS0")
    machine.process(30, "agetty", terminal="ttyS0")
    processes = Processes(filesystem)
    source = Terminals(filesystem, processes)
    for moment, atime in ((0.0, 1), (10.0, 2)):
        os.utime(serial, (atime, 1))
        assert read_source(source, moment, 0.0)[0] == {"terminals_active": 0}
    machine.process(31, "bash", 30, terminal="ttyS0", leads=30)
    read_source(source, 20.0, 20.0)
    os.utime(serial, (3, 1))
    assert read_source(source, 30.0, 30.0)[0] == {"terminals_active": 1}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("slurmstepd", "slurmstepd: [77.batch]"),
        ("Agent.Worker", "/azp/bin/Agent.Worker spawnclient 1 2"),
        ("Runner.Worker", "/runner/bin/Runner.Worker spawnclient 1 2"),
        ("gitlab-runner-h", "gitlab-runner-helper artifacts-uploader"),
        ("ray::train_fn", "ray::train_fn"),
        ("ray::Trainer.ru", "ray::Trainer.run"),
        ("starter", "Apptainer runtime parent"),
        ("starter-suid", "Singularity runtime parent"),
        ("condor_starter", "condor_starter -f"),
        ("sge_shepherd", "sge_shepherd-12 -bg"),
        ("flux-shell", "flux-shell 1"),
        ("buildkite-agent", "buildkite-agent bootstrap"),
        ("sh", "sh -xe /home/j/workspace/train@tmp/durable-1a2b/script.sh.copy"),
    ],
)
def test_jobs_of_batch_systems_are_recognized(machine: Machine, filesystem: FileSystem, name: str, command: str) -> None:
    machine.process(60, name, command=command)
    assert batch_jobs(filesystem) == 1


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("slurmd", "/usr/sbin/slurmd -D"),
        ("slurmstepd", "/usr/sbin/slurmstepd infinity"),
        ("Agent.Listener", "/azp/bin/Agent.Listener run"),
        ("Runner.Listener", "/runner/bin/Runner.Listener run"),
        ("gitlab-runner", "/usr/bin/gitlab-runner run"),
        ("raylet", "raylet --node_ip=10.0.0.4"),
        ("ray::IDLE", "ray::IDLE"),
        ("ray::IDLE_Spill", "ray::IDLE_SpillWorker"),
        ("ray::DashboardA", "ray::DashboardAgent"),
        ("starter", "Apptainer instance: ana [web]"),
        ("pbs_mom", "/opt/pbs/sbin/pbs_mom"),
        ("buildkite-agent", "buildkite-agent start"),
        ("java", "java -jar agent.jar -url https://ci"),
    ],
)
def test_an_idle_ci_agent_is_not_a_job(machine: Machine, filesystem: FileSystem, name: str, command: str) -> None:
    machine.process(60, name, command=command)
    assert batch_jobs(filesystem) == 0


@pytest.mark.parametrize(
    ("name", "command"),
    [("gitlab-runner", "gitlab-runner run"), ("pbs_mom", "pbs_mom"), ("java", "java -jar /j/remoting.jar -jnlpUrl x")],
)
def test_all_processes_below_a_ci_agent_are_one_job(
    machine: Machine, filesystem: FileSystem, name: str, command: str
) -> None:
    machine.process(60, name, command=command)
    for pid in (61, 62):
        machine.process(pid, "bash", 60, "bash")
    machine.process(63, "sleep", 61)
    assert batch_jobs(filesystem) == 1


def test_the_steps_of_a_slurm_job_count_as_one(machine: Machine, filesystem: FileSystem) -> None:
    for pid, step in enumerate(("77.extern", "77.batch", "77.0", "78.interactive"), 60):
        machine.process(pid, "slurmstepd", command=f"slurmstepd: [{step}]")
    assert batch_jobs(filesystem) == 2


@contextmanager
def docker(path: Path, respond: Callable[[], bytes]) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The path of a Unix socket may have at most 107 characters; the way through /proc is short.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
        listening.listen()
        listening.settimeout(5)  # a response that is not requested fails its test

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                assert connection.recv(65536).startswith(b"GET /containers/json HTTP/1.1\r\n")
                connection.sendall(respond())

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def listed(*found: dict[str, object]) -> Callable[[], bytes]:
    body = json.dumps(found).encode()
    return lambda: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_docker_and_podman_containers_are_counted(short: Machine) -> None:
    filesystem = FileSystem(str(short.root))
    short.process(600, "conmon", command="/usr/bin/conmon --api-version 1 -c abc")
    short.process(601, "conmon", command="/usr/bin/conmon --api-version 1 -c abc --exec-attach --exec-process-spec x")
    with docker(short.root / "var/run/docker.sock", listed({"Id": "a"}, {"Id": "b"})):
        assert containers(filesystem) == 3
    assert "does not answer" in str(containers(filesystem))  # the socket is left, but nothing listens


def test_containers_of_rootless_docker_are_counted(short: Machine) -> None:
    filesystem = FileSystem(str(short.root))
    short.process(1, "systemd", 0)
    with docker(short.root / "run/user/1000/docker.sock", listed({"Id": "a"})):
        assert containers(filesystem) == 1


@pytest.mark.parametrize("said", [b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", b"rubbish\r\n\r\n", b""])
def test_an_unreadable_docker_response_makes_containers_unknown(short: Machine, said: bytes) -> None:
    filesystem = FileSystem(str(short.root))
    short.process(1, "systemd", 0)
    with docker(short.root / "var/run/docker.sock", lambda: said):
        assert isinstance(containers(filesystem), str)


def shim(machine: Machine, pid: int, namespace: str, name: str, folder: str = "/run/containerd") -> None:
    command = f"/usr/bin/containerd-shim-runc-v2 -namespace {namespace} -id {name} -address {folder}/containerd.sock"
    machine.process(pid, "containerd-shim", command=command)


def test_docker_containers_are_counted_by_process_and_a_contradiction_makes_them_unknown(short: Machine) -> None:
    filesystem = FileSystem(str(short.root))
    shim(short, 600, "moby", "a")
    assert containers(filesystem) == 1
    with docker(short.root / "var/run/docker.sock", listed()):
        assert containers(filesystem) == "Docker lists no containers, but 1 of its containers are running"
    (short.root / "var/run/docker.sock").unlink()
    shim(short, 601, "moby", "b")
    with docker(short.root / "var/run/docker.sock", listed({"Id": "a"})):
        assert containers(filesystem) == 2  # one of them by another Docker


@pytest.mark.parametrize("folder", ["/run/containerd", "/run/k3s/containerd"])
def test_system_pods_are_not_counted(machine: Machine, filesystem: FileSystem, folder: str) -> None:
    for pid, (name, namespace) in enumerate(
        {"a": "kube-system", "b": "research", "c": "gpu-operator", "d": ""}.items(), 600
    ):
        shim(machine, pid, "k8s.io", name, folder)
        said = {"annotations": {"io.kubernetes.cri.sandbox-namespace": namespace}} if namespace else {}
        machine.write(f"{folder}/io.containerd.runtime.v2.task/k8s.io/{name}/config.json", json.dumps(said))
    shim(machine, 650, "default", "nerdctl")
    machine.process(660, "conmon", command="conmon -c 1 -n k8s_POD_x_research_1_0")
    machine.process(661, "systemd-nspawn")
    machine.process(662, "starter", command="Apptainer instance: ana [web]")
    assert containers(filesystem) == 5


def test_pause_containers_of_docker_pods_are_not_counted(short: Machine) -> None:
    filesystem = FileSystem(str(short.root))
    short.process(1, "systemd", 0)
    pause: dict[str, object] = {"Id": "a", "Labels": {"io.kubernetes.docker.type": "podsandbox"}}
    proxy: dict[str, object] = {"Id": "b", "Labels": {"io.kubernetes.pod.namespace": "kube-system"}}
    for pid, name in enumerate("abc", 600):
        shim(short, pid, "moby", name)
    with docker(short.root / "var/run/docker.sock", listed(pause, proxy, {"Id": "c", "Labels": None})):
        assert containers(filesystem) == 1


@pytest.mark.parametrize(("labels", "jobs"), [({"com.gitlab.gitlab-runner.job.id": "7"}, 1), ({}, 0)])
def test_a_gitlab_job_in_a_container_counts(short: Machine, labels: dict[str, str], jobs: int) -> None:
    filesystem = FileSystem(str(short.root))
    short.process(60, "gitlab-runner", command="gitlab-runner run")
    with docker(short.root / "var/run/docker.sock", listed({"Id": "a", "Labels": labels})):
        assert batch_jobs(filesystem) == jobs
