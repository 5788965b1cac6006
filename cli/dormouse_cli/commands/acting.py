"""Commands that change something: they are accepted at once, and with --wait followed to the end."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from dormouse_cli import screens
from dormouse_cli.connection import Answer, ControlPlane, at, connected
from dormouse_cli.errors import CommandError, EndedBadly, NotFound, Usage
from dormouse_cli.options import AsJson, Blueprint, DryRun, Every, File, Name, Region, Settings, Wait
from dormouse_cli.output import note, say, write_out
from dormouse_cli.specfiles import read_spec
from dormouse_cli.waiting import finish


def plan(
    name: Name,
    *,
    file: File = "",
    blueprint: Blueprint = "",
    region: Region = "",
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Show what up would do: steps, price, and what would be refused. Nothing is done."""
    spec = read_spec(file, blueprint, region, settings or ())
    with connected() as plane:
        answer = _put(plane, name, spec, dry_run=True)
    _show_plan(answer, as_json=as_json)


def up(
    name: Name,
    *,
    file: File = "",
    blueprint: Blueprint = "",
    region: Region = "",
    settings: Settings = None,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Build an environment, or change it to what the spec says; the same spec again mends what is broken."""
    spec = read_spec(file, blueprint, region, settings or ())
    with connected() as plane:
        answer = _put(plane, name, spec, dry_run=dry_run)
        if dry_run:
            _show_plan(answer, as_json=as_json)
            return
        see_through(plane, answer, wait=wait, every=every, as_json=as_json, nothing=_as_asked)
        if answer.accepted and wait and not as_json:
            _how_to_connect(plane, name)


def start(name: Name, *, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Start an environment's machine."""
    _power(name, "start", wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def stop(name: Name, *, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Deallocate an environment's machine, so that it is no longer billed."""
    _power(name, "stop", wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def restart(
    name: Name, *, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Restart an environment's machine."""
    _power(name, "restart", wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def rm(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    purge: Annotated[bool, typer.Option("--purge", help="Admins: delete its password for good, too.")] = False,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Delete an environment with everything that belongs to it; asks first."""
    if not (yes or dry_run):
        if not sys.stdin.isatty():
            raise Usage("rm asks before it deletes, and there is no terminal to ask on.", "--yes deletes without asking.")
        if not typer.confirm(f"Delete {name} with its machine, disks and stored data?", err=True):
            raise EndedBadly("Nothing was deleted.")
    with connected() as plane:
        answer = plane.command("DELETE", at("environments", name), dry_run=dry_run, purge=purge)
        see_through(plane, answer, wait=wait, every=every, as_json=as_json, nothing=_gone)


def cancel(
    operation: Annotated[str, typer.Argument(metavar="ID", help="The operation that builds it.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Admins: end any operation as it stands.")] = False,
    wait: Wait = False,
    every: Every = None,
    as_json: AsJson = False,
) -> None:
    """Stop building something and take back what was built."""
    with connected() as plane:
        answer = plane.command("POST", at("operations", operation, "cancel"), force=force)
        if not wait:
            accepted(answer, as_json=as_json)
            return
        # Who wanted it cancelled is content when it is.
        try:
            see_through(plane, answer, wait=True, every=every, as_json=as_json)
        except EndedBadly:
            if plane.read(at("operations", operation)).fields.get("state") != ("lost" if force else "cancelled"):
                raise


def watch(
    identifier: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="An operation, a sweep, or an environment: its newest operation.")
    ],
    *,
    every: Every = None,
    as_json: AsJson = False,
) -> None:
    """Watch an operation to its end; Ctrl-C stops the watching only."""
    with connected() as plane:
        found = identifier if identifier.startswith("sweep-") else _operation(plane, identifier)
        path = at("sweeps" if found.startswith("sweep-") else "operations", found)
        finish(plane, path, found, as_json=as_json, every=every, asked=0.0)


def see_through(
    plane: ControlPlane,
    answer: Answer,
    *,
    wait: bool,
    every: float | None,
    as_json: bool,
    nothing: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Tell what became of a command: accepted (and with `wait` how it ended), only tried, or not necessary."""
    if not answer.accepted:
        if as_json:
            write_out(answer.text)
        elif "would" in answer.fields:
            screens.trial(answer.fields)
        elif nothing:
            nothing(answer.fields)
        return
    if not wait:
        accepted(answer, as_json=as_json)
        return
    identifier, path = _where(answer)
    finish(plane, path, identifier, as_json=as_json, every=every, asked=answer.ask_again_in)


def accepted(answer: Answer, *, as_json: bool) -> None:
    """Say that a command is on its way, and how to watch it."""
    if as_json:
        write_out(answer.text)
        return
    identifier, _ = _where(answer)
    say(f"Accepted: {identifier}")
    note(f"Watch it: dormouse watch {identifier}")


def _where(answer: Answer) -> tuple[str, str]:
    fields = answer.fields
    identifier = str(fields.get("operation") or fields.get("sweep") or "")
    path = answer.location or str(fields.get("href") or "") or at("operations", identifier)
    return identifier or path.rpartition("/")[2], path


def _put(plane: ControlPlane, name: str, spec: dict[str, Any], *, dry_run: bool) -> Answer:
    return plane.command("PUT", at("environments", name), spec, dry_run=dry_run)


def _power(name: str, verb: str, *, wait: bool, every: float | None, dry_run: bool, as_json: bool) -> None:
    with connected() as plane:
        answer = plane.command("POST", at("environments", name, verb), dry_run=dry_run)
        see_through(plane, answer, wait=wait, every=every, as_json=as_json, nothing=_is_so)


def _show_plan(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        write_out(answer.text)
    else:
        screens.plan(answer.fields)
    if answer.fields.get("refusals"):
        raise EndedBadly("" if as_json else "As it stands it would be refused.")


def _how_to_connect(plane: ControlPlane, name: str) -> None:
    try:
        screens.connection(plane.read(at("environments", name)).fields)
    except CommandError:
        note(f"How to connect: dormouse show {name}")


def _operation(plane: ControlPlane, identifier: str) -> str:
    """The operation of that id, or the newest of the environment of that name; raises NotFound."""
    try:
        return str(plane.read(at("operations", identifier)).fields["id"])
    except NotFound:
        rows = plane.read_all("/operations", {"environment": identifier}, at_most=1).rows
    if not rows:
        raise NotFound(f"There is no operation {identifier!r}, and no environment of that name with one.")
    return str(rows[0]["id"])


def _as_asked(picture: dict[str, Any]) -> None:
    say(f"{picture.get('name')} is as the spec wants it ({picture.get('state')}); nothing was done.")


def _is_so(picture: dict[str, Any]) -> None:
    say(f"{picture.get('name')} is {picture.get('state')} already; nothing was done.")


def _gone(picture: dict[str, Any]) -> None:
    say(f"{picture.get('name')} is gone already; nothing was done.")
