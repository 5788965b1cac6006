"""Estates: existing machines, with a past, that were not provisioned here. `docs/estates.md` describes the format."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.world import SUBSCRIPTION, SUBSCRIPTIONS
from local.azure.providers.kinds import MACHINE
from local.azure.vms.estate_parser import Age, HostTimeline, InsideTimeline
from local.azure.vms.timelines import HostSignal, InsideSignal

SCHEMA = Path(__file__).parent / "estate.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


T = TypeVar("T", bound=BaseModel)


class EstateError(Exception):
    """An estate that cannot be loaded; `faults` lists every error."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("The estate cannot be loaded:\n" + "\n".join(f"- {fault}" for fault in faults))
        self.faults = faults


class Written(BaseModel):
    """Base of the models of an estate: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Awake(Written):
    """A hold that a user has set on the machine."""

    by: str
    reason: str
    lasts: Age = Field(alias="for")


class Machine(Written):
    """One machine, or several of the same kind."""

    id: str
    size: str
    repeat: int = Field(1, ge=1, le=100_000)
    region: str = "westeurope"
    tags: dict[str, str] = {}
    power: Literal["running", "deallocated", "stopped", "starting", "deallocating"] = "running"
    created: Age = Field("30d", validate_default=True)
    started: Age | None = None
    agent: bool = False
    gpu: Literal["ok", "absent", "broken"] | None = None
    hibernation: bool = False
    ephemeral_disk: bool = False
    scale_set: str = ""
    priority: Literal["Regular", "Spot"] = "Regular"
    host: dict[HostSignal, HostTimeline] = {}
    inside: dict[InsideSignal, InsideTimeline] = {}
    awake: list[Awake] = []
    problems: dict[InsideSignal, str] = {}

    @field_validator("id")
    @classmethod
    def _is_an_id(cls, text: str) -> str:
        if text.count("/") == 1 and not text.startswith("/"):
            text = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{text.replace('/', f'/providers/{MACHINE}/')}"
        rid = parse(text)
        if rid is None or rid.type.lower() != MACHINE.lower() or not rid.group or not rid.names or not rid.name:
            raise ValueError(f"{text!r} is neither group/name nor the ID of a machine")
        if rid.subscription.lower() not in SUBSCRIPTIONS:
            known = ", ".join(sorted(SUBSCRIPTIONS))
            raise ValueError(f"the simulated subscriptions are {known}, and {rid.subscription} is none of them")
        return text

    @model_validator(mode="after")
    def _starts_after_it_is_made(self) -> "Machine":
        if self.started is not None and self.started > self.created:
            raise ValueError("it cannot have started before it was created")
        return self

    @property
    def ids(self) -> Iterator[ResourceId]:
        """The ID of each machine."""
        rid = parse(self.id)
        assert rid is not None
        for number in range(1, self.repeat + 1):
            name = f"{rid.name}-{number:04}" if self.repeat > 1 else rid.name
            yield ResourceId(rid.subscription.lower(), rid.group, "Microsoft.Compute", ("virtualMachines",), (name,))

    @property
    def gpu_found(self) -> str:
        """The agent's view of the GPU: by default every N-series size has one."""
        return self.gpu or ("ok" if self.size.lower().startswith("standard_n") else "absent")


class Estate(Written):
    """The existing machines; keys that begin with `x-` are ignored and can hold the anchors of YAML aliases."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"patternProperties": {"^x-": {}}})

    machines: list[Machine]

    @model_validator(mode="before")
    @classmethod
    def _without_anchors(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        return {name: value for name, value in content.items() if not str(name).startswith("x-")}


class Signals(Written):
    """A change of the signals of one machine."""

    id: str
    host: dict[HostSignal, HostTimeline] = {}
    inside: dict[InsideSignal, InsideTimeline] = {}


def schema() -> dict[str, Any]:
    """The JSON Schema of an estate."""
    return {"$schema": DIALECT, **Estate.model_json_schema(by_alias=True), "title": "Estate of the simulated Azure"}


def understood(kind: type[T], content: Any) -> T:
    """The validated content; raises EstateError with every error."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise EstateError([_fault(fault) for fault in error.errors()]) from None


def read(path: Path) -> dict[str, Any]:
    """Read an estate from a YAML or JSON file; raises EstateError."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise EstateError([str(error)]) from None
    if not isinstance(content, dict):
        raise EstateError(["an estate is a mapping with a list of machines"])
    return content


def _fault(fault: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": ")


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n")
