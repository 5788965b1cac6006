"""Every recorded long-running operation, read as the product reads it: it ends where Azure's clients saw it end."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dormouse.cloud.long_running import answer_of_poll, answer_of_start
from dormouse.environments.answers import Done, Pending
from tests.conftest import unchecked
from tests.contract.recordings import DATA

NOW = 1_800_000_000.0
ENDED = ("succeeded", "failed", "canceled")
FEWEST = 700
PROVES = "that long-running operations are read as real Azure ends them"


@pytest.fixture(autouse=True)
def _recorded() -> None:
    if not DATA.is_dir():
        unchecked("The folder of recordings", PROVES)


def operations() -> Iterator[dict[str, Any]]:
    for file in sorted((DATA / "lro").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            yield json.loads(line)


def body_of(poll: dict[str, Any]) -> Any:
    """The recorded body, or what is left of it: the state."""
    said = poll.get("response") or {}
    return said.get("body") or ({"status": poll["state"]} if poll.get("state") else None)


def test_no_recorded_operation_ends_before_its_last_state() -> None:
    recorded = list(operations())
    assert len(recorded) > FEWEST
    for operation in recorded:
        states = [str(poll.get("state") or "").lower() for poll in operation["polls"]]
        for place, poll in enumerate(operation["polls"]):
            headers = (poll.get("response") or {}).get("headers") or {}
            answer = answer_of_poll("https://polled", poll["status"], headers, body_of(poll), now=NOW)
            # Clients go on to fetch the result of an operation that has succeeded; some bodies show no state.
            later = [state for state in states[place + 1 :] if state not in ("", *ENDED)]
            if isinstance(answer, Done):
                assert not later, f"{operation['id']} ended at {states[place]!r}, and then was {later}"
            elif isinstance(answer, Pending) and poll["status"] == 200:
                assert states[place] not in ENDED, f"{operation['id']} goes on after {states[place]}"


@pytest.mark.parametrize(
    ("kind", "identifier", "waits"),
    [
        ("operationalinsights/workspaces", "67c93faecec2", True),  # 201 Creating with Location only
        ("managedidentity/userassignedidentities", "33b8d154b52f", False),  # 201 with Location, and complete
    ],
)
def test_a_recorded_answer_without_an_operation_is_polled_while_its_resource_is_unfinished(
    kind: str, identifier: str, waits: bool
) -> None:
    said = next(
        (record.get("response") or record["initial"]["response"])
        for folder in ("interactions", "lro")
        for file in sorted((DATA / folder).glob("*.jsonl"))
        for record in map(json.loads, file.read_text().splitlines())
        if record["id"] == identifier and kind in record["op"]
    )
    answer = answer_of_start(said["status"], said["headers"], said["body"], now=NOW, resource_url="https://resource")
    assert isinstance(answer, Pending) is waits
    assert not isinstance(answer, Pending) or answer.url == "https://resource"
