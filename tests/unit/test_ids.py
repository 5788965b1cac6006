"""Identifiers: they sort by time, and say what they are of."""

from hypothesis import given
from hypothesis import strategies as st

from dormouse.ids import first_ulid, new_operation_id, ulid_of, verb_of
from dormouse.lifecycle import Verb


@given(st.sampled_from(Verb), st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,5}){0,2}", fullmatch=True))
def test_an_operation_id_tells_its_verb_and_sorts_by_time(verb: Verb, name: str) -> None:
    earlier, later = new_operation_id(name, verb, 1000.0), new_operation_id(name, verb, 1001.0)
    assert verb_of(earlier) is verb
    assert ulid_of(earlier)[:10] <= ulid_of(later)[:10]
    assert earlier != later


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_the_border_of_a_moment_sorts_as_the_moment_does(one: int, other: int) -> None:
    assert (one < other) == (first_ulid(one) < first_ulid(other))
