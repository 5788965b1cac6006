import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse import serialization
from dormouse.idle.policy import (
    LONGEST_WINDOW,
    Action,
    IdlePolicy,
    policy_as_written,
    read_policy,
    stored_policy,
)
from dormouse.text.durations import ASKED, DAY_MINUTES

policies = st.builds(
    IdlePolicy,
    window=st.integers(5, LONGEST_WINDOW),
    grace=st.integers(0, DAY_MINUTES),
    lead=st.integers(0, DAY_MINUTES),
    action=st.sampled_from(Action),
    undeliverable=st.sampled_from(["keep", "proceed"]),
    gpu=st.sampled_from(["required", "optional"]),
    agent=st.sampled_from(["required", "optional"]),
    sessions=st.sampled_from(["connected", "active"]),
    kernels=st.sampled_from(["activity", "alive"]),
    containers=st.sampled_from(["activity", "running"]),
    gpu_percent=st.integers(1, 100),
    cpu_percent=st.floats(0.1, 100),
    cpu_cores=st.floats(0.01, 96),
    network_bytes_per_second=st.integers(1, 10**9),
    disk_bytes_per_second=st.integers(1, 10**9),
)


def written(policy: IdlePolicy) -> str:
    named = policy_as_written(policy.model_dump())
    return ", ".join(f"{name}={value}" for name, value in named.items() if name != "enabled")


@given(policies)
def test_a_policy_round_trips_through_its_text(policy: IdlePolicy) -> None:
    assert read_policy(written(policy)) == policy
    assert read_policy(written(policy).upper().replace(", ", ";")) == policy


@given(policies)
def test_fields_missing_from_a_tag_keep_their_default(policy: IdlePolicy) -> None:
    assert read_policy("", policy) == policy
    assert read_policy("lead=7m", policy) == policy.model_copy(update={"lead": 7})
    assert read_policy("off", policy) == policy.model_copy(update={"enabled": False})
    assert read_policy("window=20m", read_policy("off", policy)).enabled


@pytest.mark.parametrize("text", ["on", "ON ", "", " true", "Yes", "1", "enabled=true", "'on'", " 'on' ", "on,"])
def test_every_spelling_of_on_is_accepted(text: str) -> None:
    assert read_policy(text) == IdlePolicy()


@pytest.mark.parametrize(
    "text",
    [
        "off",
        "OFF",
        "false ",
        "No",
        "disable",
        "disabled",
        "none",
        "Never",
        "0",
        "enabled=off",
        "enabled=never",
        "off, window=45m",
        "enabled = 0",
    ],
)
def test_every_spelling_of_off_is_accepted(text: str) -> None:
    assert not read_policy(text).enabled


def test_every_error_is_reported_at_once() -> None:
    with pytest.raises(ValueError, match="invalid policy") as refusal:
        read_policy("window=soon, lead=2y, gpu=maybe, color=red, gpu_percent=0, nonsense")
    for wrong in ("window", "lead", "gpu", "color", "gpu_percent", "'nonsense'"):
        assert wrong in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        *("window=4m", "window=361m", "window=-5", "lead=25h", "grace=2d", "gpu_percent=101", "gpu_percent=nan"),
        *("cpu_cores=0", "enabled", "maybe"),
    ],
)
def test_a_policy_that_could_stop_a_machine_by_mistake_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="invalid policy"):
        read_policy(text)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        *(("window = 45m", 45), ("window=1h 30m", 90), ("window=90min", 90), ("window=1.5h", 90), ("window=PT30M", 30)),
        *(("on, window=45m", 45), ("window: 45m", 45), ("window=2 hours; gpu=optional", 120)),
        *(("enabled=yes, window=45m", 45), ("hibernate-fallback=deallocate, window=45m", 45)),
        *(("gpu=optional window=45m", 45), ("WINDOW=45M,", 45), ("window\u00a0=\u00a045m", 45), ("\"window=45m\"", 45)),
    ],
)  # fmt: skip
def test_common_spellings_are_accepted(text: str, window: int) -> None:
    assert read_policy(text).window == window


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("window=6h, window=30m", "window is repeated (6h, 30m)"),
        ("window=30m, window=30m", "window is repeated"),
        ("cpu_cores=inf", "cpu_cores: must be a finite number"),
        ("cpu_cores=nan", "cpu_cores: must be a finite number"),
        ("disk_bytes_per_second=Infinity", "disk_bytes_per_second: must be a finite number"),
        ("gpu_percent=inf", "gpu_percent: must be at most 100"),
        ("cpu_cores=many", "cpu_cores: must be a number"),
        ("windwo=45m", "windwo: is an unknown field; did you mean 'window'?"),
        ("gpu=optinal", "gpu: 'optinal' is not one of 'required', 'optional'; did you mean 'optional'?"),
        ("action=hibrenate", "did you mean 'hibernate'?"),
        ("window=45", "window: '45' has no unit; write 45h for hours or 45m for minutes"),
        ("window=4m", "window: must be between 5m and 6h"),
        ("lead=2d", "lead: must be between 0m and 1d"),
        ("on, off", "both on and off"),
        ("on, enabled=false", "both on and off"),
        ("45m", "'45m' has no name; did you mean 'window=45m'?"),
        ("window", "'window' has no value; write window=VALUE"),
        ("enabled", "did you mean 'on'?"),
        ("disabeld", "did you mean 'disabled'?"),
        ("window=1,5h", "has no unit"),
        ("window=", "window: '' is not a duration"),
    ],
)
def test_an_invalid_policy_is_rejected_with_the_correct_spelling(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="invalid policy") as refusal:
        read_policy(text)
    assert says in str(refusal.value)
    assert "Input should" not in str(refusal.value)


@given(policies)
def test_policies_stored_as_minutes_are_read_back(policy: IdlePolicy) -> None:
    assert serialization.read_text(IdlePolicy, serialization.text_of(policy)) == policy
    assert IdlePolicy.model_validate(policy.model_dump()) == policy
    assert IdlePolicy.model_validate(policy_as_written(policy.model_dump()), context=ASKED) == policy


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ({"cpu_cores": None}, "cpu_cores: must be a number"),
        ({"window": 361, "colour": "red"}, "window: must be between 5m and 6h; colour: is an unknown field"),
        ({"window": None}, "window: must be a duration like 45m"),
    ],
)
def test_a_stored_policy_that_is_now_invalid_is_rejected_with_a_readable_message(stored: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"the stored policy is invalid: {re.escape(says)}") as refusal:
        stored_policy(stored)
    assert "pydantic" not in str(refusal.value)
    assert stored_policy({"window": 45}).window == 45


@pytest.mark.parametrize("number", [45, 45.0, "45", True, -45, float("inf"), [45], None])
def test_durations_in_requests_need_a_unit(number: object) -> None:
    with pytest.raises(ValidationError, match="Value error"):
        IdlePolicy.model_validate({"window": number}, context=ASKED)


def test_the_default_policy_is_the_documented_one() -> None:
    assert IdlePolicy().model_dump() == {
        "enabled": True, "window": 30, "grace": 30, "lead": 15, "action": "deallocate", "hibernate_fallback": "keep",
        "undeliverable": "keep", "gpu": "required", "agent": "optional", "sessions": "connected", "kernels": "activity",
        "containers": "activity", "gpu_percent": 5.0, "cpu_percent": 5.0, "cpu_cores": 0.5,
        "network_bytes_per_second": 100_000.0, "disk_bytes_per_second": 1_000_000.0,
    }  # fmt: skip
    assert set(Action) == {"deallocate", "hibernate", "notify"}
    fields = IdlePolicy.model_json_schema()["properties"]
    assert [fields[name]["default"] for name in ("window", "grace", "lead")] == ["30m", "30m", "15m"]


@pytest.mark.parametrize(
    "text", ["window=5m", "window=6h", "grace=0m", "grace=1d", "lead=0m", "lead=1d", "gpu_percent=0.5", "gpu_percent=100"]
)
def test_the_smallest_and_largest_values_are_accepted(text: str) -> None:
    read_policy(text)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        *(("gpu_percent=10%", "gpu_percent", 10.0), ("cpu-percent = 7.5 %", "cpu_percent", 7.5)),
        *(("cpu_cores=2", "cpu_cores", 2.0), ("hibernate-fallback=deallocate", "hibernate_fallback", "deallocate")),
    ],
)
def test_numbers_percentages_and_hyphens_are_read(text: str, field: str, value: object) -> None:
    assert read_policy(text) == IdlePolicy().model_copy(update={field: value})


def test_a_tag_changes_only_what_it_names() -> None:
    settings = IdlePolicy(window=60, lead=7, cpu_cores=2)
    assert read_policy("lead=5m", settings) == IdlePolicy(window=60, lead=5, cpu_cores=2)
    assert read_policy("off", settings) == IdlePolicy(window=60, lead=7, cpu_cores=2, enabled=False)
    assert read_policy("on", read_policy("off", settings)) == settings


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("maybe", "unknown word 'maybe'"),
        ("on, maybe", "unknown word 'maybe'"),
        ("on, maybe, off", "unknown word 'maybe'; both on and off"),
        ("enable", "unknown word 'enable'; did you mean 'on'?"),
        ("enabled", "unknown word 'enabled'; did you mean 'on'?"),
        ("enabled=maybe", "unknown word 'maybe'"),
        ("x" * 61, f"unknown word {'x' * 60!r}"),
        ("window=6h, lead=5m, window=30m", "window is repeated (6h, 30m)"),
        ("cpu_cores=10%", "cpu_cores: must be a number"),
    ],
)
def test_every_fault_of_a_policy_is_named_once_with_an_example(text: str, faults: str) -> None:
    with pytest.raises(ValueError, match="invalid policy") as refusal:
        read_policy(text)
    assert str(refusal.value) == f"invalid policy: {faults} (example: window=45m, lead=10m, gpu=optional)"


def test_a_stored_policy_is_shown_as_users_write_it() -> None:
    stored = {"window": 45, "grace": 0, "lead": 90, "gpu_percent": 5, "enabled": True, "action": "notify"}
    written = {"window": "45m", "grace": "0m", "lead": "1h30m"}
    assert policy_as_written(stored) == {**stored, **written}
    assert policy_as_written({"window": "45m", "lead": None}) == {"window": "45m", "lead": None}
