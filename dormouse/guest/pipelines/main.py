"""The commands of the program: `register`, `status`, `wait` and `leave`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from .agent import BuildAgent
from .processes import docker_problem
from .service import NotYet, Rejected, Wanted
from .state import RegistrationState, meaning_of, state_of_log

CONFIGURATION, STATE = "etc/dormouse/pipelines.json", "var/lib/dormouse/pipelines.json"
SECONDS_TO_WAIT, BETWEEN_LOOKS = 40 * 60, 5
RESULTS = {"registered": "passed", "refused": "failed"}


def main() -> int:
    """Do what the first argument says; the second is the root of the machine, if it is another one. Returns the status."""
    verb, root = sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "/")
    wanted = Wanted(**json.loads((root / CONFIGURATION).read_text()))
    agent, state = BuildAgent(wanted), RegistrationState(root / STATE)
    if verb == "status":
        print(*checked(agent, state, root, wanted.user))
        return 0
    if verb == "wait":
        return wait(agent, state)
    try:
        {"register": agent.register, "leave": agent.leave}[verb]()
    except NotYet as error:
        return not_done(state, "waiting", str(error))
    except Rejected as error:
        return not_done(state, "refused", meaning_of(str(error)))
    state.keep("registered" if verb == "register" else "waiting")
    return 0


def not_done(state: RegistrationState, result: str, detail: str) -> int:
    """Remember and say why something was not done; returns 1."""
    state.keep(result, detail)
    print(detail, file=sys.stderr)
    return 1


def status(agent: BuildAgent, state: RegistrationState) -> tuple[str, str]:
    """The result of the health check, and why."""
    known, detail = state.kept()
    if known != "registered":
        return RESULTS.get(known, "waiting"), detail
    try:
        command = ["journalctl", "-u", agent.unit, "-b", "-o", "cat", "--no-pager"]
        return state_of_log(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    except OSError:
        return "waiting", "the service of the agent is not installed"


def checked(agent: BuildAgent, state: RegistrationState, root: Path, user: str) -> tuple[str, str]:
    """The result of the health check of an agent whose jobs may use Docker, and why."""
    result, detail = status(agent, state)
    problem = docker_problem(root, user) if result == "passed" else ""
    return ("failed", problem) if problem else (result, detail)


def wait(agent: BuildAgent, state: RegistrationState) -> int:
    """Wait until the agent listens for jobs: returns 0, or 1 after it has said why it does not."""
    until = time.monotonic() + SECONDS_TO_WAIT
    result, detail = status(agent, state)
    while result == "waiting" and time.monotonic() < until:
        time.sleep(BETWEEN_LOOKS)
        result, detail = status(agent, state)
    print(detail, file=sys.stdout if result == "passed" else sys.stderr)
    return 0 if result == "passed" else 1
