"""Validation errors are sentences that say what is expected, never pydantic's words or a regular expression."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.chatops.endpoints import GenericMessage
from dormouse.errors import InvalidSpec
from dormouse.http.handlers.adoption import AdoptRequest, ReleaseRequest
from dormouse.http.handlers.machines import MachineHold, MachineLease
from dormouse.http.requests import model_of
from dormouse.idle.heartbeats.heartbeat import Heartbeat
from dormouse.idle.holds import HoldRequest, LeaseRequest

MODELS = (
    WorkstationSpec,
    HoldRequest,
    LeaseRequest,
    MachineHold,
    MachineLease,
    AdoptRequest,
    ReleaseRequest,
    GenericMessage,
    Heartbeat,
)
PYDANTIC = re.compile(
    r"Input should|valid tuple|instance of|should match|Value error|Field required|Extra inputs|\(\?:|\[\^|\\d"
)
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e300, 10**30, "", " ", "x" * 3000, "a\x00b", "Ünïcode!", "{x}", "%s", [], [None], [[]],
    ["x"] * 400, {}, {"x": 1}, {"window": 45, "x": {}}, {"subnet": 5}, {"size_gib": "big", "type": "floppy"}, {"sku": "a b"},
)  # fmt: skip


def faults(kind: type[BaseModel], body: dict[str, Any]) -> dict[str, str]:
    try:
        model_of(kind, body)
    except InvalidSpec as refused:
        return {fault.pointer: fault.detail for fault in refused.faults}
    return {}


@pytest.mark.parametrize("kind", MODELS)
def test_no_message_shows_a_regular_expression_or_words_of_pydantic(kind: type[BaseModel]) -> None:
    names = [field.alias or name for name, field in kind.model_fields.items()]
    bodies = [{name: value} for name in names for value in ODD] + [dict.fromkeys(names, value) for value in ODD]
    seen = 0
    for body in bodies:
        for pointer, detail in faults(kind, body).items():
            seen += 1
            assert not PYDANTIC.search(detail), (pointer, body, detail)
            assert 8 < len(detail) <= 500, (pointer, detail)
    assert seen > len(ODD)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("region", None, 'must be a string; in JSON and YAML, put it in quotes, for example "polandcentral"'),
        ("region", "Poland!", "must be an Azure region, such as polandcentral"),
        ("allow_from", "198.51.100.7", 'must be a list, for example ["203.0.113.7/32"]'),
        ("allow_from", [], 'must not be empty, for example ["203.0.113.7/32"]'),
        ("idle", False, 'must be a JSON object, for example {"window": "45m"}'),
        ("driver_version", 535.161, 'put it in quotes, for example "17.5"'),
        ("driver_version", "new", "must be a version of two to four numbers, such as 17.5"),
        ("container", 123, 'put it in quotes, for example "deeplearning"'),
        ("container", "No", "must be 3 to 63 lower-case letters"),
        ("admin_username", "Root", "must be 1 to 32 lower-case letters"),
        ("owner", "x" * 200, 'must have at most 128 characters, for example "alice"'),
    ],
)
def test_a_message_says_what_is_expected_with_an_example(field: str, value: Any, says: str) -> None:
    assert (
        says in faults(WorkstationSpec, {"blueprint": "workstation", "region": "polandcentral", field: value})[f"/{field}"]
    )


def test_messages_about_nested_fields_know_the_fields_beside_them() -> None:
    nested = {"image": {"sku": "a b", "skuu": "x"}, "disk": {"size_gib": "big", "colour": 1}, "network": {"subnett": "x"}}
    found = faults(WorkstationSpec, {"blueprint": "workstation", **nested})
    assert found["/region"] == 'is missing, for example "polandcentral"'
    assert found["/image/skuu"] == "is an unknown field; did you mean 'sku'?"
    assert found["/disk/size_gib"] == "must be a whole number, for example 64"
    assert found["/disk/colour"] == "is an unknown field; the fields are: size_gib, type"
    assert found["/network/subnett"] == "is an unknown field; did you mean 'subnet'?"
    assert faults(HoldRequest, {"reson": "x"})["/for"] == 'is missing, for example "2h"'
    minute = {"sequence": -1, "age_seconds": 1.0, "signals": {}}
    assert faults(Heartbeat, {"minutes": [minute]})["/minutes/0/sequence"] == "must be at least 0, for example 59"


@given(st.dictionaries(st.text(max_size=12), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5)))
def test_every_rejected_body_names_what_is_wrong(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec) as refused:
        model_of(WorkstationSpec, {**body, "blueprint": "x"})
    assert refused.value.faults
    json.dumps([[fault.pointer, fault.detail] for fault in refused.value.faults], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "body",
    [
        {"x" * 60_000: 1},
        {f"key{number}": 1 for number in range(5_000)},
        {"allow_from": ["x"] * 15_000},
        {"python_packages": ["a" * 60_000 + ";\n"]},
        {"python_packages": ["torch==1" + "+" * 60_000]},
        {"python_packages": ["torch; " + "(" * 60_000]},
        {"schedule": "mon-" * 15_000},
        {"owner": "\u200f" * 20_000, "size": "Standard_" * 6_000},
    ],
    ids=range(8),
)
def test_a_large_body_is_refused_quickly_with_a_bounded_number_of_errors(body: dict[str, Any]) -> None:
    began = time.process_time()
    found = faults(WorkstationSpec, {"blueprint": "workstation", "region": "polandcentral", **body})
    assert time.process_time() - began < 2.0
    assert 1 <= len(found) <= 101
    assert len(json.dumps(found)) < 64_000
