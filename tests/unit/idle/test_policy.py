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
def test_a_policy_that_is_written_down_is_read_back(policy: IdlePolicy) -> None:
    assert read_policy(written(policy)) == policy
    assert read_policy(written(policy).upper().replace(", ", ";")) == policy


@given(policies)
def test_what_a_tag_does_not_name_is_as_in_the_default(policy: IdlePolicy) -> None:
    assert read_policy("", policy) == policy
    assert read_policy("lead=7m", policy) == policy.model_copy(update={"lead": 7})
    assert read_policy("off", policy) == policy.model_copy(update={"enabled": False})
    assert read_policy("window=20m", read_policy("off", policy)).enabled


@pytest.mark.parametrize("text", ["on", "ON ", "", " true", "Yes", "1", "enabled=true", "'on'", "on,"])
def test_every_way_to_say_yes_is_understood(text: str) -> None:
    assert read_policy(text) == IdlePolicy()


@pytest.mark.parametrize(
    "text", ["off", "OFF", "false ", "No", "disabled", "none", "Never", "0", "enabled=off", "off, window=45m", "enabled = 0"]
)
def test_every_way_to_say_no_is_understood(text: str) -> None:
    assert not read_policy(text).enabled


def test_everything_that_is_wrong_is_said_at_once() -> None:
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
def test_what_could_stop_a_machine_by_mistake_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid policy"):
        read_policy(text)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        *(("window = 45m", 45), ("window=1h 30m", 90), ("window=90min", 90), ("window=1.5h", 90), ("window=PT30M", 30)),
        *(("on, window=45m", 45), ("window: 45m", 45), ("window=2 hours; gpu=optional", 120)),
        *(("gpu=optional window=45m", 45), ("WINDOW=45M,", 45), ("window\u00a0=\u00a045m", 45), ("\"window=45m\"", 45)),
    ],
)  # fmt: skip
def test_everyday_spellings_are_understood(text: str, window: int) -> None:
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
def test_what_cannot_be_read_is_refused_with_the_right_spelling(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="invalid policy") as refusal:
        read_policy(text)
    assert says in str(refusal.value)
    assert "Input should" not in str(refusal.value)


@given(policies)
def test_records_with_numbers_of_minutes_are_read_back(policy: IdlePolicy) -> None:
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
def test_a_policy_on_record_that_newer_rules_refuse_is_refused_in_our_own_words(stored: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"the stored policy is invalid: {re.escape(says)}") as refusal:
        stored_policy(stored)
    assert "pydantic" not in str(refusal.value)
    assert stored_policy({"window": 45}).window == 45


@pytest.mark.parametrize("number", [45, 45.0, "45", True, -45, float("inf"), [45], None])
def test_what_people_write_needs_a_unit(number: object) -> None:
    with pytest.raises(ValidationError, match="Value error"):
        IdlePolicy.model_validate({"window": number}, context=ASKED)
