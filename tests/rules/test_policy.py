import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.policy import DAY, LONGEST_WINDOW, Action, IdlePolicy, minutes_in, read_policy

policies = st.builds(
    IdlePolicy,
    window=st.integers(5, LONGEST_WINDOW),
    grace=st.integers(0, DAY),
    lead=st.integers(0, DAY),
    action=st.sampled_from(Action),
    undeliverable=st.sampled_from(["keep", "proceed"]),
    gpu=st.sampled_from(["required", "optional"]),
    agent=st.sampled_from(["required", "optional"]),
    sessions=st.sampled_from(["connected", "active"]),
    kernels=st.sampled_from(["activity", "alive"]),
    gpu_percent=st.integers(1, 100),
    cpu_percent=st.floats(0.1, 100),
    cpu_cores=st.floats(0.01, 96),
    network_bytes_per_second=st.integers(1, 10**9),
    disk_bytes_per_second=st.integers(1, 10**9),
)


def written(policy: IdlePolicy) -> str:
    return ", ".join(f"{name}={value}" for name, value in policy.model_dump().items() if name != "enabled")


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


@pytest.mark.parametrize("text", ["on", "ON ", "", " true", "Yes"])
def test_every_way_to_say_yes_is_understood(text: str) -> None:
    assert read_policy(text) == IdlePolicy()


@pytest.mark.parametrize("text", ["off", "OFF", "false ", "No"])
def test_every_way_to_say_no_is_understood(text: str) -> None:
    assert not read_policy(text).enabled


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="not a policy like") as refusal:
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
    with pytest.raises(ValueError, match="not a policy like"):
        read_policy(text)


@given(st.integers(0, 999), st.integers(0, 9999), st.integers(0, 99999))
def test_durations_add_up(days: int, hours: int, minutes: int) -> None:
    assert minutes_in(f"{days}d{hours}h{minutes}m") == days * DAY + hours * 60 + minutes
    assert minutes_in(str(minutes)) == minutes


@pytest.mark.parametrize("text", ["", "m", "1.5h", "2m1h", "-5m", "1 h", "٣m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        minutes_in(text)
