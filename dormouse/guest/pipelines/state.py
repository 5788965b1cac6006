"""What has become of the registration, and what its refusals mean."""

from __future__ import annotations

import json
import re
from pathlib import Path

SHOWN = 160  # characters
NOT_ACCEPTED = (
    "the token is not accepted: it has expired, is for another organization, or is refused there; if it is that of an "
    "identity, the identity must be a user of the organization"
)
NO_RIGHT = (
    "the token is valid, but may not manage the pool: it needs the scope Agent Pools (read, manage), and its user the role "
    "Administrator of the pool"
)
# What Azure DevOps or the agent says, and what it means; the first that fits counts.
MEANINGS = (
    (r"VS30063|TF400813|HTTP (401|302|203)", NOT_ACCEPTED),
    (r"HTTP 403|Forbidden|needs Manage permissions|AccessDenied", NO_RIGHT),
    (r"(?i)pool not found|TaskAgentPoolNotFound", "there is no such agent pool, or the token may not see it"),
    (r"(?i)unattended configuration|interactive|prompt", "an option is empty or was not accepted, usually the token"),
    (r"(?i)name taken|already contains an agent", "another agent of the pool has this name"),
)
TELLING = re.compile(r"VS\d{5}|TF\d{6}|HTTP \d{3}|rror|name taken|not found")
CONNECTED = re.compile(r"Listening for Jobs|Running job|completed with result|Agent reconnected")
DISCONNECTED = re.compile(r"connect error|no longer exists|rror occurred")


def meaning_of(text: str) -> str:
    """What a refusal means, and the line that says it in the words of the refusal."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["nothing was said"]
    found = next((words for pattern, words in MEANINGS if re.search(pattern, text)), "")
    line = next((line for line in lines if TELLING.search(line)), lines[-1])[:SHOWN]
    return f"{found} ({line})" if found else line


def state_of_log(log: str) -> tuple[str, str]:
    """Whether the last telling line of the agent's log says that it is connected, as the result of a health check.

    A single 401 in it is the renewal of a token: https://github.com/microsoft/azure-pipelines-agent/issues/1737
    """
    for line in reversed(log.splitlines()):
        if CONNECTED.search(line):
            return "passed", "the agent listens for jobs"
        if "conflict" in line.lower():
            return "waiting", "an earlier session of the agent has not ended; Azure DevOps ends it within 5 minutes"
        if DISCONNECTED.search(line):
            return "waiting", line.strip()[:SHOWN]
    return "waiting", "the agent has not connected yet"


class RegistrationState:
    """The file with what has become of the registration."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, state: str, detail: str = "") -> None:
        """Remember a state and its reason."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"state": state, "detail": " ".join(detail.split())[:400]}))

    def kept(self) -> tuple[str, str]:
        """The state and its reason; `waiting` if there is none."""
        try:
            known = json.loads(self._path.read_text())
            return str(known["state"]), str(known["detail"])
        except (OSError, ValueError, KeyError):
            return "waiting", "the agent has not been registered yet"
