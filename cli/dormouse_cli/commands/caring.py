"""Commands about sleep: holds, leases, machines that others have made, sweeps."""

from typing import Annotated, Any, Literal

import typer

from dormouse_cli import screens
from dormouse_cli.commands.acting import see_through
from dormouse_cli.connection import Answer, ControlPlane, at, connected
from dormouse_cli.errors import NotFound
from dormouse_cli.options import AsJson, DryRun, Every, Machine, Target, Wait
from dormouse_cli.output import write_out

Duration = Annotated[str, typer.Argument(metavar="DURATION", help="45m, 2h30m or 3d, always with a unit; 0 ends it.")]
PARTS_OF_AN_ID = 8


def hold(
    target: Target,
    duration: Duration,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; others will read it.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Keep a machine awake for a while; a longer hold that stands is kept."""
    body = {"for": duration, **({"reason": reason} if reason else {})}
    with connected() as plane:
        answer = _of_target(plane, target, "hold", body, dry_run=dry_run)
    if as_json:
        write_out(answer.text)
    else:
        screens.hold(answer.fields, target)


def extend(
    target: Target,
    duration: Duration,
    *,
    then: Annotated[Literal["stop", "delete"], typer.Option("--then", help="What becomes of it then.")] = "stop",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set when it is stopped, or deleted, unless somebody extends that again."""
    with connected() as plane:
        answer = _of_target(plane, target, "extend", {"for": duration, "then": then}, dry_run=dry_run)
    if as_json:
        write_out(answer.text)
    else:
        screens.lease(answer.fields, target)


def adopt(
    machine: Machine,
    *,
    idle: Annotated[
        str, typer.Option("--idle", metavar="POLICY", help='When it counts as idle: "window=45m, lead=10m".')
    ] = "",
    schedule: Annotated[str, typer.Option("--schedule", help='When it is on: "mon-fri 08:00-19:00 Europe/Berlin".')] = "",
    agent: Annotated[
        bool, typer.Option("--agent/--no-agent", help="Install the agent, without which nobody sees GPUs.")
    ] = True,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a machine that others have made into care."""
    given = {word: value for word, value in (("idle", idle), ("schedule", schedule)) if value}
    with connected() as plane:
        body = {"machine": machine_id(plane, machine), "agent": agent, **given}
        answer = plane.command("POST", "/machines/adopt", body, dry_run=dry_run)
        see_through(plane, answer, wait=wait, every=every, as_json=as_json)


def release(
    machine: Machine,
    *,
    agent: Annotated[bool, typer.Option("--remove-agent/--keep-agent", help="Whether the agent goes, too.")] = True,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let an adopted machine go: nobody watches it any more."""
    with connected() as plane:
        body = {"machine": machine_id(plane, machine), "agent": agent}
        answer = plane.command("POST", "/machines/release", body, dry_run=dry_run)
        see_through(plane, answer, wait=wait, every=every, as_json=as_json)


def sweep(*, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Look at every machine now, and act; with --dry-run only look, with --wait tell what was found."""
    with connected() as plane:
        answer = plane.command("POST", "/sweeps", {"dry_run": dry_run})
        see_through(plane, answer, wait=wait, every=every, as_json=as_json)


def machine_id(plane: ControlPlane, machine: str) -> str:
    """The resource id of a machine that is named by it or as GROUP/MACHINE; raises NotFound."""
    if machine.startswith("/"):
        return machine
    for line in plane.read_all("/machines").rows:
        parts = str(line.get("id", "")).split("/")
        if len(parts) > PARTS_OF_AN_ID and f"{parts[4]}/{parts[8]}".lower() == machine.lower():
            return str(line["id"])
    raise NotFound(f"The last sweep has seen no machine {machine!r}.", "Name it as GROUP/MACHINE, or by its resource id.")


def _of_target(plane: ControlPlane, target: str, verb: str, body: dict[str, Any], *, dry_run: bool) -> Answer:
    if "/" in target:
        named = {**body, "machine": machine_id(plane, target)}
        return plane.command("POST", f"/machines/{verb}", named, dry_run=dry_run)
    return plane.command("POST", at("environments", target, verb), body, dry_run=dry_run)
