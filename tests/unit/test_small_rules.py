import string
from collections.abc import Iterator

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.resources.identity import assignment_name
from activities.resources.keyvault import new_password
from dormouse import errors, timers
from dormouse.environments.results import ADVICE, RefusalReason
from dormouse.errors import CommandNotPossible, ControlPlaneError
from dormouse.http.parameters import AFTER, cursor_of
from dormouse.http.problems import STATUS_OF, TITLE_OF, problem_of
from dormouse.ids import first_ulid, new_operation_id, ulid_of, verb_of
from dormouse.lifecycle import TAKES, State, Verb, require, satisfied, state_of
from dormouse.settings import Settings, SettingsError
from local import sandbox


def leaves(kind: type[ControlPlaneError]) -> Iterator[type[ControlPlaneError]]:
    """The ends of the tree; what other rooms make of them is answered like them."""
    below = [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
    yield from (leaf for sub in below for leaf in leaves(sub))
    if not below:
        yield kind


def test_every_error_has_a_status_and_a_title() -> None:
    wanted = set(leaves(errors.ControlPlaneError))
    assert set(STATUS_OF) == wanted
    assert set(TITLE_OF) == wanted


def test_every_reason_for_a_refusal_comes_with_advice() -> None:
    assert set(ADVICE) == set(RefusalReason)


def test_every_state_says_what_it_takes_and_can_always_be_deleted() -> None:
    assert set(TAKES) == set(State)
    assert all(Verb.DELETE in verbs for verbs in TAKES.values())


def test_stopped_but_billed_is_a_state_of_its_own() -> None:
    assert state_of("PowerState/stopped") is State.STOPPED_BILLED
    assert state_of("PowerState/deallocated") is State.STOPPED
    assert satisfied(State.STOPPED, Verb.STOP)
    assert not satisfied(State.STOPPED_BILLED, Verb.STOP)


def test_a_command_that_makes_no_sense_is_refused_with_those_that_do() -> None:
    with pytest.raises(CommandNotPossible, match="start"):
        require(State.STOPPED, Verb.RESTART)


@given(st.sampled_from(Verb), st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,5}){0,2}", fullmatch=True))
def test_an_operation_id_tells_its_verb_and_sorts_by_time(verb: Verb, name: str) -> None:
    earlier, later = new_operation_id(name, verb), new_operation_id(name, verb)
    assert verb_of(earlier) is verb
    assert ulid_of(earlier)[:10] <= ulid_of(later)[:10]
    assert earlier != later


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_the_border_of_a_moment_sorts_as_the_moment_does(one: int, other: int) -> None:
    assert (one < other) == (first_ulid(one) < first_ulid(other))


def test_a_role_assignments_name_follows_from_its_content_alone() -> None:
    name = assignment_name("/subscriptions/S/x", "P", "r")
    assert name == assignment_name("/Subscriptions/s/X", "p", "R")
    assert name != assignment_name("/subscriptions/s/x", "p2", "r")


@given(st.builds(new_password))
def test_a_password_is_long_mixed_and_safe_to_type(password: str) -> None:
    assert len(password) >= 20
    assert all(
        set(password) & set(kind) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+=")
    )
    assert not set(password) & set("'\"`$\\ !&<>|;#%")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"LONGEST_HOLD": "10080"}, "'10080' has no unit"),
        ({"IDLE_POLICY": "window=45"}, "window: '45' has no unit"),
        ({"IDLE_POLICY": "cpu_cores=inf"}, "cpu_cores: must be a finite number"),
    ],
)
def test_durations_in_settings_need_a_unit(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(given)
    assert complaint in str(caught.value)


def test_settings_name_all_that_is_wrong_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"AZURE_SUBSCRIPTION_ID": "mine", "RETAIL_PRICES_URL": "http://prices"})
    text = str(caught.value)
    assert all(
        name in text for name in ("KEY_VAULT_URL", "RECORDS_TABLES_URL", "AZURE_SUBSCRIPTION_ID", "RETAIL_PRICES_URL")
    )


def test_who_asks_too_often_is_never_told_to_come_back_at_once() -> None:
    assert problem_of(errors.TooManyRequests(0.4)).headers["Retry-After"] == "1"


@pytest.mark.parametrize("text", ["", "rubbish", "!", cursor_of(""), cursor_of("x" * 1024), "MQ"])
def test_a_cursor_that_nobody_gave_out_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="what an answer named"):
        AFTER.of(func.HttpRequest(method="GET", url="/api/x", params={"after": text}, body=b""))


def test_a_cursor_leads_back_to_its_place() -> None:
    for place in ("ml1", "7", "ü/ ?&="):
        assert AFTER.of(func.HttpRequest(method="GET", url="/api/x", params={"after": cursor_of(place)}, body=b"")) == place


def test_every_timer_can_be_switched_off_on_the_ground() -> None:
    assert {timer.handler.__name__ for timer in timers.TIMERS} == set(sandbox.TIMERS)
