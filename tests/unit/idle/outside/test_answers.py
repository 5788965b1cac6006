"""Answers of activity services: only a readable "not busy" to this very question counts as one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import HOUR, rfc3339
from dormouse.idle.outside.answers import ServiceAnswer, answers_in, question_of, unanswered
from dormouse.idle.outside.services import ActivityService, service_for
from dormouse.settings import Settings, SettingsError
from tests.unit.builders import GROUP, IDENTIFIER, NOW
from tests.unit.cloud.test_egress import REQUIRED

SERVICE = "the activity service busy.example.com"
NOT_BUSY = {"machine": IDENTIFIER, "state": "not_busy"}
BUSY = {"machine": IDENTIFIER, "state": "busy", "busy_until": rfc3339(NOW + HOUR), "reason": "x\n\u202ey"}
UNKNOWN = {"machine": IDENTIFIER, "state": "unknown"}


def read(*machines: Any, **more: Any) -> ServiceAnswer:
    content = json.dumps({"id": "q", "machines": machines, **more}).encode()
    return answers_in(content, "q", [IDENTIFIER], SERVICE, NOW, 2 * HOUR)[IDENTIFIER.lower()]


def test_the_three_states_are_read_whatever_the_case_of_the_id() -> None:
    assert read({**NOT_BUSY, "machine": IDENTIFIER.upper()}) == ServiceAnswer(SERVICE)
    assert read(BUSY) == ServiceAnswer(SERVICE, NOW + HOUR, "x \ufffdy")
    answer = read(UNKNOWN)
    assert (answer.unknown, answer.failed) == (f"{SERVICE} does not know whether it is in use", False)


def test_busy_is_limited_until_the_next_question_may_say_more() -> None:
    assert read({**BUSY, "busy_until": "2100-01-01T00:00:00+01:00"}).until == NOW + 2 * HOUR


@pytest.mark.parametrize("other", [BUSY, UNKNOWN, {**NOT_BUSY, "state": "?"}, {**BUSY, "busy_until": 7}])
def test_of_contradictory_statements_not_busy_never_counts(other: dict[str, Any]) -> None:
    for answer in (read(NOT_BUSY, other), read(other, NOT_BUSY)):
        assert answer.until or answer.unknown
    assert read(UNKNOWN, BUSY).until


@pytest.mark.parametrize(
    "statement",
    [
        {**NOT_BUSY, "busy_until": BUSY["busy_until"]},
        {**BUSY, "state": "idle"},
        {**BUSY, "state": None},
        {**BUSY, "busy_until": "2027-01-15T09:00:00"},
        {**BUSY, "busy_until": rfc3339(NOW)},
    ],
)
def test_a_statement_that_contradicts_itself_is_neither_busy_nor_not_busy(statement: dict[str, Any]) -> None:
    answer = read(statement)
    assert (bool(answer.unknown), answer.until, answer.failed) == (True, 0.0, True)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "state": st.one_of(st.none(), st.booleans(), st.text(), st.sampled_from(["Not_busy", "busy", "unknown"])),
            "busy_until": st.one_of(st.none(), st.integers(), st.text(), st.just("2027-01-15T07:00:00Z")),
        },
    )
)
def test_no_other_statement_is_read_as_not_busy(statement: dict[str, Any]) -> None:
    if statement.get("state") == "not_busy" and statement.get("busy_until") is None:
        return
    answer = read({"machine": IDENTIFIER, **statement})
    assert answer.unknown


@given(st.binary(max_size=200))
def test_no_other_content_is_read(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        answers_in(content, "q", [IDENTIFIER], SERVICE, NOW, HOUR)


def test_deeply_nested_content_is_an_error_like_any_other() -> None:
    with pytest.raises(ValueError, match="nested"):
        answers_in(b"[" * 200_000, "q", [IDENTIFIER], SERVICE, NOW, HOUR)


def test_a_question_names_its_id_its_moment_and_the_machines() -> None:
    question = json.loads(question_of("q", [IDENTIFIER], NOW))
    assert question == {"version": 1, "id": "q", "at": rfc3339(NOW), "machines": [IDENTIFIER]}
    assert unanswered([IDENTIFIER], SERVICE, "is late")[IDENTIFIER.lower()].unknown == f"{SERVICE} is late"


def settings(text: str, **more: str) -> tuple[ActivityService, ...]:
    given = {**REQUIRED, "ACTIVITY_URL": text, "ACTIVITY_URL_SECRET": "s", **more}
    return Settings.from_environment(given).activity_url


def test_the_service_of_the_narrowest_scope_is_asked() -> None:
    subscription = GROUP.rpartition("/resourceGroups")[0]
    services = settings(f"https://all.example/x?a=b, {subscription}=https://sub.example, {GROUP}=none")
    assert service_for(services, IDENTIFIER) is None
    assert service_for(services, IDENTIFIER.replace("/lab/", "/lab2/")).url == "https://sub.example"  # type: ignore[union-attr]
    other = service_for(services, "/subscriptions/x/resourceGroups/y/providers/z")
    assert other is not None
    assert (other.url, other.name) == ("https://all.example/x?a=b", "the activity service all.example")
    assert "all.example" not in repr(services), "a URL may be a secret"
    assert service_for((), IDENTIFIER) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("http://busy.example/secret", "ACTIVITY_URL: is not like https://busy.example.com/gpus"),
        ("https://10.0.0.1/secret", "ACTIVITY_URL: is not like"),
        ("https://169.254.169.254/secret", "ACTIVITY_URL: is not like"),
        ("none", "ACTIVITY_URL: is not like"),
        ("/subscriptions/x=https://a.example/secret", "'/subscriptions/x' is not like /subscriptions/{id}"),
        (f"{GROUP}=ftp://a.example/secret", "ACTIVITY_URL: is not like"),
        ("https://a.example/secret, https://b.example", "ACTIVITY_URL: has several services for one scope"),
    ],
)
def test_unsafe_services_are_rejected_without_showing_their_urls(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(text)
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)


def test_questions_must_be_signed_and_an_old_secret_of_reporters_needs_a_new_one() -> None:
    with pytest.raises(SettingsError, match="ACTIVITY_URL_SECRET: is not set, and ACTIVITY_URL requires it"):
        settings("https://a.example", ACTIVITY_URL_SECRET="")
    assert settings(f"{GROUP}=none", ACTIVITY_URL_SECRET="")
    with pytest.raises(SettingsError, match="ACTIVITY_REPORT_SECRET_PREVIOUS: is only for a change"):
        settings("https://a.example", ACTIVITY_REPORT_SECRET_PREVIOUS="x")
    assert "hidden" not in repr(Settings.from_environment({**REQUIRED, "ACTIVITY_REPORT_SECRET": "hidden"}))
