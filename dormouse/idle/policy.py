"""Policies: when a machine counts as idle and what happens then; read from a tag, a spec or a setting, in that order."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dormouse.text.doc import doc
from dormouse.text.durations import DAY_MINUTES, HOUR_MINUTES, StoredMinutes, between, duration_text, leading_duration
from dormouse.text.wording import did_you_mean, words_of

# Between words, and between a word and its value.
PARTS, NAMED = re.compile(r"[,;\r\n]+"), re.compile(r"([^\s=:]+)\s*[=:]\s*")
# The agent keeps unconfirmed minutes for so long, so a window cannot be longer.
LONGEST_WINDOW = 6 * HOUR_MINUTES
OFF = frozenset({"off", "false", "no"})
ENABLED = frozenset({"on", "true", "yes", "1"})
DISABLED = OFF | {"0", "none", "never", "disable", "disabled"}
EXAMPLE = "window=45m, lead=10m, gpu=optional"
LONGEST_SHOWN = 60  # characters
TIMES = frozenset({"window", "grace", "lead"})


class Action(StrEnum):
    """What happens to an idle machine; a machine that does not support hibernation is deallocated instead."""

    DEALLOCATE = "deallocate"
    HIBERNATE = "hibernate"
    NOTIFY = "notify"


Share = Annotated[float, Field(gt=0, le=100)]
Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def schema_default(text: str) -> Any:
    """A field whose default is shown with its unit in the schema."""
    return Field(json_schema_extra={"default": text})


class IdlePolicy(BaseModel):
    """How a machine is evaluated and what follows; durations in minutes (written as `45m`), limits by signal.

    A signal that reaches its limit in any minute of the window keeps the machine running.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    enabled: Annotated[bool, doc("Whether sweeps may stop the machine for being idle.", True)] = True
    window: Annotated[
        StoredMinutes, between(5, LONGEST_WINDOW), schema_default("30m"), doc("How long every signal must stay low.", "45m")
    ] = 30
    grace: Annotated[
        StoredMinutes,
        between(0, DAY_MINUTES),
        schema_default("30m"),
        doc("How long a machine is left alone after a start.", "30m"),
    ] = 30
    lead: Annotated[
        StoredMinutes,
        between(0, DAY_MINUTES),
        schema_default("15m"),
        doc("How long before the stop its users are warned.", "15m"),
    ] = 15
    action: Annotated[Action, doc("What is done to an idle machine.", "deallocate")] = Action.DEALLOCATE
    hibernate_fallback: Annotated[
        Literal["keep", "deallocate"], doc("What is done to a machine that cannot hibernate.", "keep")
    ] = "keep"
    undeliverable: Annotated[Literal["keep", "proceed"], doc("What is done if a warning cannot be delivered.", "keep")] = (
        "keep"
    )
    gpu: Annotated[
        Literal["required", "optional"], doc("Whether GPU measurements are required for a verdict of idle.", "required")
    ] = "required"
    agent: Annotated[
        Literal["required", "optional"], doc("Whether heartbeats are required for a verdict of idle.", "optional")
    ] = "optional"
    sessions: Annotated[
        Literal["connected", "active"], doc("Which SSH and desktop sessions keep the machine awake.", "connected")
    ] = "connected"
    kernels: Annotated[Literal["activity", "alive"], doc("Which notebook kernels keep the machine awake.", "activity")] = (
        "activity"
    )
    containers: Annotated[Literal["activity", "running"], doc("Which containers keep the machine awake.", "activity")] = (
        "activity"
    )
    gpu_percent: Annotated[Share, doc("GPU utilization that keeps the machine awake, in percent.", 5.0)] = 5.0
    cpu_percent: Annotated[Share, doc("CPU utilization that keeps the machine awake, in percent.", 5.0)] = 5.0
    cpu_cores: Annotated[Limit, doc("CPU time that keeps the machine awake, in cores.", 0.5)] = 0.5
    network_bytes_per_second: Annotated[
        Limit, doc("Network traffic that keeps the machine awake, in bytes per second.", 100_000.0)
    ] = 100_000.0
    disk_bytes_per_second: Annotated[
        Limit, doc("Disk traffic that keeps the machine awake, in bytes per second.", 1_000_000.0)
    ] = 1_000_000.0


@lru_cache(1024)
def read_policy(text: str, default: IdlePolicy | None = None) -> IdlePolicy:
    """Parse the text of a tag: `on`, `off`, or `window=45m, lead=10m`; values that it leaves out come from `default`.

    Raises ValueError with all errors in one sentence.
    """
    base = default or IdlePolicy()
    words, named = _split(text.lower().strip().strip("\"'`"))
    switches, faults = _switches([*words, *(value for name, value in named if name == "enabled")])
    settings = [(name, value) for name, value in named if name != "enabled"]
    faults += _repetitions(settings)
    try:
        policy = IdlePolicy.model_validate({**base.model_dump(), "enabled": False not in switches, **dict(settings)})
    except ValidationError as error:
        faults += _faults(error)
    if faults:
        raise ValueError(f"invalid policy: {'; '.join(faults)} (example: {EXAMPLE})")
    return policy


def stored_policy(stored: Mapping[str, Any]) -> IdlePolicy:
    """A policy from its stored form; raises ValueError with everything that today's rules reject."""
    try:
        return IdlePolicy.model_validate(stored)
    except ValidationError as error:
        raise ValueError(f"the stored policy is invalid: {'; '.join(_faults(error))}") from None


def policy_as_written(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored policy (durations as numbers of minutes) in the form that users write, so that it can be sent again."""
    return {
        name: duration_text(value) if name in TIMES and isinstance(value, int) else value for name, value in stored.items()
    }


def _faults(error: ValidationError) -> list[str]:
    return [f"{item['loc'][0]}: {words_of(item, IdlePolicy.model_fields)}" for item in error.errors()]


def _split(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The words without a value in a text, and the names with their values, which may contain spaces."""
    words, named = list[str](), list[tuple[str, str]]()
    for part in PARTS.split(text):
        found = list(NAMED.finditer(part))
        words += part[: found[0].start() if found else None].split()
        ends = [match.start() for match in found[1:]] + [len(part)]
        for match, end in zip(found, ends, strict=False):
            name, value = match[1].replace("-", "_"), part[match.end() : end].strip()
            named.append((name, value.rstrip(" %") if name.endswith("_percent") else value))
    return words, named


def _switches(words: Sequence[str]) -> tuple[set[bool], list[str]]:
    """Whether a text switches the policy on or off (both: contradiction), and the errors in its words."""
    switches = {word in ENABLED for word in words if word in ENABLED | DISABLED}
    faults = [_unknown_word(word) for word in words if word not in ENABLED | DISABLED]
    return switches, [*faults, "both on and off"] if len(switches) > 1 else faults


def _unknown_word(word: str) -> str:
    if word in ("enable", "enabled"):
        return f"unknown word {word!r}; did you mean 'on'?"
    if word in IdlePolicy.model_fields:
        return f"{word!r} has no value; write {word}=VALUE, like window=45m"
    if leading_duration([word]):
        return f"{word!r} has no name; did you mean 'window={word}'?"
    near = did_you_mean(word, ENABLED | DISABLED)
    return f"unknown word {word[:LONGEST_SHOWN]!r}{near}"


def _repetitions(settings: Sequence[tuple[str, str]]) -> list[str]:
    names = [name for name, _ in settings]
    return [
        f"{name} is repeated ({', '.join(value for other, value in settings if other == name)})"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
