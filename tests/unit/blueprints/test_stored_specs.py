"""A spec that was stored by another release, or under other rules, can always be shown and changed."""

import contextlib
import json
from typing import Any

import pytest

from dormouse.blueprints.specs import read_spec
from dormouse.blueprints.stored_specs import before_change
from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.errors import InvalidSpec
from dormouse.idle.policy import IdlePolicy
from dormouse.services.views.environments import spec_of
from tests.unit.builders import environment_record

BODY: dict[str, Any] = {"blueprint": "workstation", "region": "westeurope", "owner": "ana", "allow_from": ["10.0.0.1/32"]}


def spec(**more: Any) -> WorkstationSpec:
    found = read_spec("ml1", {**BODY, **more}, caller_address="10.0.0.1", caller="ana")
    assert isinstance(found, WorkstationSpec)
    return found


def stored(**more: Any) -> str:
    return json.dumps({**json.loads(spec().model_dump_json()), **more})


def pointers(text: str, new: WorkstationSpec) -> list[str]:
    return [fault.pointer for fault in before_change("workstation", text, new).faults]


def test_a_valid_stored_spec_is_compared_with_the_new_one() -> None:
    before = before_change("workstation", stored(), spec(schedule="Mon-Fri 08:00-18:00 UTC"))
    assert (before.exact, before.faults) == (True, ())
    assert pointers(stored(), spec(container="other")) == ["/container"]


@pytest.mark.parametrize(
    "refused",
    [
        {"idle": {"cpu_cores": None}},
        {"idle": {"window": 3}},
        {"idle": {"a_word_of_tomorrow": 1}},
        {"idle": "off"},
        {"schedule": "whenever I like"},
        {"allow_from": ["everywhere"]},
        {"allow_from": []},
        {"a_field_of_tomorrow": {"x": 1}},
    ],
)
def test_an_invalid_stored_field_that_can_change_in_place_can_be_replaced(refused: dict[str, Any]) -> None:
    before = before_change("workstation", stored(**refused), spec())
    assert (before.exact, before.faults, before.spec is not None) == (False, (), True)
    assert pointers(stored(**refused), spec(container="other")) == ["/container"], "the rest is held against the new one"


@pytest.mark.parametrize("refused", [{"image": {"sku": "?"}}, {"container": "NOT A NAME"}, {"network": {"subnet": "x"}}])
def test_an_invalid_stored_field_that_cannot_change_in_place_is_named(refused: dict[str, Any]) -> None:
    (fault,) = before_change("workstation", stored(**refused), spec()).faults
    assert fault.pointer == f"/{next(iter(refused))}"
    assert "no longer valid" in fault.detail


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "null", "7", '"x"', "{}"])
def test_an_unreadable_stored_spec_can_be_replaced(text: str) -> None:
    before = before_change("workstation", text, spec())
    assert (before.exact, before.faults) == (False, ())


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 1e300, 1e-300, 0.1])
@pytest.mark.parametrize("name", sorted(name for name, kind in IdlePolicy.model_fields.items() if kind.annotation is float))
def test_every_accepted_number_can_be_read_back(name: str, number: float) -> None:
    with contextlib.suppress(InvalidSpec):
        accepted = spec(idle={name: number})
        assert WorkstationSpec.model_validate_json(accepted.model_dump_json()) == accepted


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "null", '{"idle": {"cpu_cores": null}}'])
def test_every_stored_spec_can_be_shown(text: str) -> None:
    shown, problem = spec_of(environment_record(spec=text))
    assert isinstance(shown, dict)
    assert bool(problem) is not text.startswith("{")
