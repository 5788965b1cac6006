import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dormouse.guest.packaging import agent_archive
from tests.guest.fakes import Agent, ControlPlane, Machine, Metadata, Terminal, command, environment, serving


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A quiet machine without a GPU."""
    made = Machine(tmp_path / "root", tmp_path / "programs")
    made.programs.mkdir()
    made.plain()
    return made


@pytest.fixture
def terminal(machine: Machine) -> Iterator[Callable[[str], Terminal]]:
    """Open real terminals under the names that they have on the machine."""
    with ExitStack() as stack:

        def opened(name: str) -> Terminal:
            made = Terminal(machine, name)
            made.open()
            stack.callback(made.close)
            return made

        yield opened


@pytest.fixture
def alice(machine: Machine, terminal: Callable[[str], Terminal]) -> Terminal:
    """The terminal in which alice is logged in."""
    machine.process(700, "bash", terminal="pts/0")
    machine.logged_in((7, 700, "alice"))
    return terminal("pts/0")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agent") / "agent.pyz"
    path.write_bytes(agent_archive())
    return path


@pytest.fixture
def metadata() -> Metadata:
    return Metadata()


@pytest.fixture
def control_plane() -> ControlPlane:
    return ControlPlane()


@pytest.fixture
def start(
    machine: Machine, archive: Path, metadata: Metadata, control_plane: ControlPlane, tmp_path: Path
) -> Iterator[Callable[[], Agent]]:
    """Start the agent with a minute of less than a second; it is stopped with the test."""
    with ExitStack() as stack:
        metadata_port = stack.enter_context(serving(metadata))
        port = stack.enter_context(serving(control_plane))
        machine.write(
            "/etc/dormouse/agent.json", json.dumps({"control_plane": f"http://127.0.0.1:{port}/api", "audience": "api://us"})
        )

        (machine.root / "proc/stat").unlink()
        (machine.root / "proc/stat").symlink_to("/proc/stat")  # CPU counters always increase

        def begin() -> Agent:
            log = tmp_path / "log.txt"
            words = ("--metadata", f"http://127.0.0.1:{metadata_port}", "--minute", "0.6")
            with log.open("w") as errors:
                process = subprocess.Popen(
                    command(archive, machine, *words), env=environment(machine), stdout=errors, stderr=errors, text=True
                )
            agent = Agent(process, log)
            stack.callback(agent.end)
            return agent

        yield begin
