"""Reading of specs: every error is reported at once."""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.fields import CALLER, unreachable
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.errors import Fault, InvalidSpec
from dormouse.idle.policy import policy_as_written
from dormouse.resources.compute.machines import ENVIRONMENT_NAME
from dormouse.text.durations import ASKED, duration_text
from dormouse.text.limits import clipped
from dormouse.text.model_fields import example_at, names_beside
from dormouse.text.plain_text import plain
from dormouse.text.wording import words_of

LONGEST_PART = 100  # of a pointer, in characters
MOST_FAULTS = 100
# The fields of specs that are durations, in minutes as they are stored.
STAGES = ("stop_after", "forget_after")


def read_spec(name: str, body: Mapping[str, Any], *, caller_address: str, caller: str) -> EnvironmentSpec:
    """The validated spec of an environment, with 'caller' replaced by the caller's IP address; raises InvalidSpec."""
    faults = name_faults(name)
    blueprint = body.get("blueprint")
    found = BLUEPRINTS.get(blueprint) if isinstance(blueprint, str) else None
    kind = found.spec if found else EnvironmentSpec
    if found is None:
        faults.append(_unknown_blueprint(body))
        body = {**{name: body[name] for name in kind.model_fields if name in body}, "blueprint": ""}
    try:
        spec: EnvironmentSpec = kind.model_validate(body, context=ASKED)
    except ValidationError as error:
        told = faults_of(error, kind)
        raise InvalidSpec([*faults, *told, *_faults_beside(told, kind, body, caller_address)]) from None
    sources, cut_off = _sources(getattr(spec, "allow_from", ()), caller_address)
    faults += [*cut_off, *spec.misfits()]
    if faults:
        raise InvalidSpec(faults)
    filled = {"owner": spec.owner or caller, **({"allow_from": sources} if sources else {})}
    return spec.model_copy(update=filled)


def _faults_beside(
    found: Sequence[Fault], kind: type[EnvironmentSpec], body: Mapping[str, Any], caller_address: str
) -> list[Fault]:
    """The faults of the fields that are valid by themselves, if others are not."""
    faulty = {fault.pointer.split("/")[1] for fault in found if fault.pointer}
    rest = {"region": "westeurope", **{name: value for name, value in body.items() if name not in faulty}}
    try:
        spec = kind.model_validate(rest, context=ASKED)
    except ValidationError:
        return []
    _, cut_off = _sources(getattr(spec, "allow_from", ()), caller_address)
    return [fault for fault in (*cut_off, *spec.misfits()) if fault.pointer.split("/")[1] not in faulty]


def stored_spec(text: str) -> dict[str, Any]:
    """A stored spec in the format that callers send, even if today's validation would reject it."""
    spec: dict[str, Any] = json.loads(text)
    idle, times = spec.get("idle"), {name: spec[name] for name in STAGES if isinstance(spec.get(name), int)}
    spec |= {name: duration_text(minutes) for name, minutes in times.items()}
    return {**spec, "idle": policy_as_written(idle)} if isinstance(idle, dict) else spec


def name_faults(name: str) -> list[Fault]:
    """The validation errors of an environment name: 2 to 24 letters, digits and hyphens, starting with a letter."""
    if ENVIRONMENT_NAME.fullmatch(name) and "--" not in name:
        return []
    rule = "use 2 to 24 lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen"
    return [Fault("/name", f"{name!r} is not a valid environment name; {rule}.")]


def change_faults(old: EnvironmentSpec, new: EnvironmentSpec) -> list[Fault]:
    """The validation errors for changed fields that cannot be updated in place."""
    before, after, advice = _leaves(old.model_dump()), _leaves(new.model_dump()), rebuild_advice(new)
    return [
        Fault(f"/{field}", f"cannot be updated in place from {before.get(field)!r} to {after.get(field)!r}; {advice}")
        for field in dict.fromkeys((*before, *after))
        if before.get(field) != after.get(field) and field.partition("/")[0] not in new.changeable
    ]


def _leaves(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The values of all fields by their paths (`image/sku`), those of nested sections included."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _leaves(value, f"{above}{name}/") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return found


def rebuild_advice(spec: EnvironmentSpec) -> str:
    """Which fields of an environment can be updated in place, and what to do about the others."""
    *most, last = [f"`{field}`" for field in sorted(spec.changeable)] or ["nothing"]
    fields = f"{', '.join(most)} and {last}" if most else last
    return f"only {fields} can be; to change this field, delete the environment and create it again."


def _sources(allowed: Sequence[str], caller_address: str) -> tuple[tuple[str, ...], list[Fault]]:
    """The allowed networks, with the caller's own address in place of `caller`, and why that cannot be used.

    Networks that lie inside another one are left out.
    """
    trouble = _trouble_of_caller(caller_address) if CALLER in allowed else ""
    if trouble:
        return (), [Fault("/allow_from", trouble)]
    known = [ipaddress.IPv4Network(f"{caller_address}/32" if source == CALLER else source) for source in allowed]
    widest = [one for one in known if not any(one != other and one.subnet_of(other) for other in known)]
    return tuple(dict.fromkeys(map(str, widest))), []


def _trouble_of_caller(address: str) -> str:
    """Why the machine could not be reached from a caller's IP address, or ""."""
    if not address:
        return "the IP address of the caller is unknown; list the networks instead of 'caller'"
    try:
        kind = unreachable(ipaddress.IPv4Address(address))
    except ValueError:
        kind = "an IPv6 address, and the machine has an IPv4 address only"
        return f"the caller's IP address {address} is {kind}; send the request over IPv4, or list your IPv4 networks"
    advice = "which cannot reach the machine's public address; list the public networks from which you connect"
    return f"the caller's IP address {address} is {kind}, {advice}" if kind else ""


def faults_of(error: ValidationError, kind: type[BaseModel]) -> list[Fault]:
    """Every validation error of a model (the first `MOST_FAULTS`), with its JSON pointer."""
    found = error.errors(include_url=False)
    # Pydantic also reports a list as too short if all of its items are invalid: that would be a duplicate.
    above = {_pointer(item["loc"]).rpartition("/")[0] for item in found}
    told = [item for item in found if item["type"] != "too_short" or _pointer(item["loc"]) not in above]
    faults = list(dict.fromkeys(Fault(_pointer(item["loc"]), _words(item, kind)) for item in told[:MOST_FAULTS]))
    left = len(told) - MOST_FAULTS
    return [*faults, Fault("", f"has {left:,} more validation errors, which are not listed")] if left > 0 else faults


def _pointer(location: tuple[int | str, ...]) -> str:
    parts = (clipped(str(part), LONGEST_PART) for part in location)
    return "".join("/" + plain(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _words(item: Mapping[str, Any], kind: type[BaseModel]) -> str:
    return plain(words_of(item, names_beside(kind, item["loc"]), example_at(kind, item["loc"])))


def _unknown_blueprint(body: Mapping[str, Any]) -> Fault:
    known = f"the blueprints are: {', '.join(sorted(BLUEPRINTS))}."
    if "blueprint" not in body:
        return Fault("/blueprint", f"is missing; {known}")
    return Fault("/blueprint", f"{clipped(str(body['blueprint']), LONGEST_PART)!r} is not a blueprint; {known}")
