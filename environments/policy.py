"""Policies: when a machine counts as idle, and what is then done; read from a tag, a spec or a setting, in that order."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

DURATION = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?", re.ASCII)
PAIR = re.compile(r"([a-z_0-9]+)=([^,;\s]+)", re.ASCII)
HOUR, DAY = 60, 1440  # minutes
# What the agent in a machine remembers, and so the longest time that can be looked back on.
LONGEST_WINDOW = 6 * HOUR
ON, OFF = frozenset({"", "on", "true", "yes"}), frozenset({"off", "false", "no"})
EXAMPLE = "window=45m, lead=10m, gpu=optional"


class Action(StrEnum):
    """What is done to an idle machine; hibernation becomes deallocation where a machine cannot hibernate."""

    DEALLOCATE = "deallocate"
    HIBERNATE = "hibernate"
    NOTIFY = "notify"


def minutes_in(text: str) -> int:
    """The minutes in a duration like `45m`, `2h30m`, `1d`, or a bare number of minutes; raises ValueError."""
    if text.isascii() and text.isdigit():
        return int(text)
    match = DURATION.fullmatch(text.strip().lower())
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration like 45m, 2h30m or 1d")
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return days * DAY + hours * HOUR + minutes


def _minutes(value: Any) -> Any:
    return minutes_in(value) if isinstance(value, str) else value


WRITTEN = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "examples": ["45m", "2h30m", "1d"]}]}
Minutes = Annotated[int, BeforeValidator(_minutes), WithJsonSchema(WRITTEN)]
Share = Annotated[float, Field(gt=0, le=100)]


class IdlePolicy(BaseModel):
    """How a machine is judged and what follows; times in minutes (texts like `45m` are read), limits by signal.

    A signal that reaches its limit in any minute of the window keeps the machine awake.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    enabled: bool = True
    window: Annotated[Minutes, Field(ge=5, le=LONGEST_WINDOW)] = 30
    grace: Annotated[Minutes, Field(ge=0, le=DAY)] = 30
    lead: Annotated[Minutes, Field(ge=0, le=DAY)] = 15
    action: Action = Action.DEALLOCATE
    hibernate_fallback: Literal["keep", "deallocate"] = "keep"
    undeliverable: Literal["keep", "proceed"] = "keep"
    gpu: Literal["required", "optional"] = "required"
    agent: Literal["required", "optional"] = "optional"
    sessions: Literal["connected", "active"] = "connected"
    kernels: Literal["activity", "alive"] = "activity"
    gpu_percent: Share = 5.0
    cpu_percent: Share = 5.0
    cpu_cores: Annotated[float, Field(gt=0)] = 0.5
    network_bytes_per_second: Annotated[float, Field(gt=0)] = 100_000.0
    disk_bytes_per_second: Annotated[float, Field(gt=0)] = 1_000_000.0


def read_policy(text: str, default: IdlePolicy | None = None) -> IdlePolicy:
    """Read a policy as a tag holds it: `on`, `off`, or `window=45m, lead=10m`; what it does not name is as in `default`.

    Raises ValueError with everything that is wrong in one sentence.
    """
    base = default or IdlePolicy()
    written = text.strip().lower()
    if written in ON | OFF:
        return base.model_copy(update={"enabled": written in ON})
    rest = PAIR.sub("", written).replace(",", " ").replace(";", " ").split()
    faults = [f"{part!r} is not like window=45m" for part in rest]
    try:
        policy = IdlePolicy.model_validate({**base.model_dump(), "enabled": True, **dict(PAIR.findall(written))})
    except ValidationError as error:
        faults += [f"{item['loc'][0]}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()]
    if faults:
        raise ValueError(f"not a policy like {EXAMPLE!r}: {'; '.join(faults)}")
    return policy
