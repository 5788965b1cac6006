"""Identifiers: they sort by time and name their subject."""

from hypothesis import given
from hypothesis import strategies as st

from dormouse.ids import child_of, first_ulid, is_instance_id, new_operation_id, new_sweep_id, page_id, ulid_of, verb_of
from dormouse.lifecycle import Verb


@given(st.sampled_from(Verb), st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,5}){0,2}", fullmatch=True))
def test_an_operation_id_contains_its_verb_and_sorts_by_time(verb: Verb, name: str) -> None:
    earlier, later = new_operation_id(name, verb, 1000.0), new_operation_id(name, verb, 1001.0)
    assert verb_of(earlier) is verb
    assert ulid_of(earlier)[:10] <= ulid_of(later)[:10]
    assert earlier != later


def test_every_id_of_an_orchestration_is_one_that_the_durable_client_takes() -> None:
    operation = new_operation_id("0d0e5e00-0000-4000-8000-000000000001:.größe(1):vm_1.x", Verb.STOP, 1000.0)
    sweep = new_sweep_id(1000.0)
    for identifier in (operation, child_of(operation, "vm"), sweep, page_id(sweep, 7), "chat-0af"):
        assert is_instance_id(identifier), identifier


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_the_first_ulid_of_a_time_sorts_by_that_time(one: int, other: int) -> None:
    assert (one < other) == (first_ulid(one) < first_ulid(other))
