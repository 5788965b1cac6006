"""Commands about environments: plan, create, list, start, stop and delete them, and connect to them."""

import sys
from typing import Annotated, Any

import typer

from dormouse_cli.client import ControlPlane, open_control_plane, path_of
from dormouse_cli.entra import read_secret
from dormouse_cli.errors import CommandError, Unsuccessful, UsageError
from dormouse_cli.network.responses import Response
from dormouse_cli.options import (
    AsJson,
    Blueprint,
    DryRun,
    Every,
    File,
    InRegion,
    Limit,
    Name,
    OfBlueprint,
    Owner,
    Region,
    Search,
    Settings,
    Sort,
    State,
    Verdict,
    Wait,
    list_query,
)
from dormouse_cli.output import print_lines, print_note, sanitize, write_text
from dormouse_cli.polling import handle_response
from dormouse_cli.render.environments import print_connection, print_environment, print_environments, print_plan
from dormouse_cli.shapes import ENVIRONMENT, PLAN, SECRET, page_of
from dormouse_cli.spec_files import read_spec
from dormouse_cli.specs import put_spec


def plan(
    name: Name,
    *,
    file: File = "",
    blueprint: Blueprint = "",
    region: Region = "",
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Show what `up` would do: the resources, the price, and what Azure would refuse. Nothing is changed."""
    spec = read_spec(file, blueprint, region, settings or ())
    with open_control_plane() as plane:
        response = put_spec(plane, name, spec, dry_run=True)
    _print_plan(response, as_json=as_json)


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
    """Create an environment, or update it to match the spec; applying the same spec again repairs drift."""
    spec = read_spec(file, blueprint, region, settings or ())
    with open_control_plane() as plane:
        response = put_spec(plane, name, spec, dry_run=dry_run)
        if dry_run:
            _print_plan(response, as_json=as_json)
            return
        handle_response(plane, response, wait=wait, every=every, as_json=as_json, print_unchanged=_print_up_to_date)
        if response.accepted and wait and not as_json:
            _print_how_to_connect(plane, name)


def ls(
    *,
    owner: Owner = "",
    blueprint: OfBlueprint = "",
    region: InRegion = "",
    state: State = "",
    verdict: Verdict = "",
    search: Search = "",
    sort: Sort = "",
    limit: Limit = 0,
    as_json: AsJson = False,
) -> None:
    """List environments: all of them, or those that the options name."""
    query = list_query(
        owner=owner, blueprint=blueprint, region=region, state=state, verdict=verdict, search=search, sort=sort
    )
    with open_control_plane() as plane:
        response = plane.get_all("/environments", query, limit=limit)
    if as_json:
        write_text(response.text)
    else:
        print_environments(response.fields(page_of(ENVIRONMENT)))


def show(name: Name, *, as_json: AsJson = False) -> None:
    """Show an environment's current state, price, endpoints, hold, lease and schedule."""
    with open_control_plane() as plane:
        response = plane.get(path_of("environments", name))
    if as_json:
        write_text(response.text)
    else:
        print_environment(response.fields(ENVIRONMENT))


def start(name: Name, *, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Start an environment."""
    _change_power(name, "start", wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def stop(name: Name, *, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Stop and deallocate an environment, so that Azure no longer bills its compute."""
    _change_power(name, "stop", wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def restart(
    name: Name, *, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Restart an environment."""
    _change_power(name, "restart", wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def hibernate(
    name: Name, *, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Stop an environment and keep its memory on its disk, if its spec has `hibernation`; `start` resumes it."""
    _change_power(name, "hibernate", wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def resize(
    name: Name,
    size: Annotated[str, typer.Argument(metavar="SIZE", help="The new VM size; `dormouse sizes` lists them.")],
    *,
    may_restart: Annotated[
        bool, typer.Option("--restart", help="Stop a running environment for it, and start it again afterwards.")
    ] = False,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Change an environment's VM size. A stopped environment stays stopped; a running one needs --restart."""
    with open_control_plane() as plane:
        body = {"size": size, "restart": may_restart}
        response = plane.command("POST", path_of("environments", name, "resize"), body, dry_run=dry_run)
        handle_response(plane, response, wait=wait, every=every, as_json=as_json, print_unchanged=_print_up_to_date)
    if response.fields({}).get("refusals") and not response.accepted:
        raise Unsuccessful("" if as_json else "This resize would be refused.")


def rm(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without confirmation.")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Keep a snapshot of each deleted disk; it is billed.")
    ] = False,
    purge: Annotated[bool, typer.Option("--purge", help="Also delete the password permanently (admins only).")] = False,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Delete an environment with all its resources, after confirmation."""
    if not (yes or dry_run):
        if not sys.stdin.isatty():
            raise UsageError("rm requires confirmation, but stdin is not a terminal.", "Use --yes to delete without it.")
        if not typer.confirm(f"Delete {name} with its VMs, disks and stored data?", err=True):
            raise Unsuccessful("Nothing was deleted.")
    with open_control_plane() as plane:
        response = plane.command("DELETE", path_of("environments", name), dry_run=dry_run, purge=purge, snapshot=snapshot)
        handle_response(plane, response, wait=wait, every=every, as_json=as_json, print_unchanged=_print_already_deleted)


def password(
    name: Name,
    *,
    user: Annotated[str, typer.Option("--user", help="The user whose password it is, instead of the administrator.")] = "",
    where: Annotated[bool, typer.Option("--where", help="Print only the URI of the Key Vault secret.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read an environment's password from Key Vault, with your own rights.

    The control plane returns only the URI of the secret, which is also what --json prints. Needs the extra 'entra'.
    """
    with open_control_plane() as plane:
        response = plane.get(path_of("environments", name, "password"), **({"user": user} if user else {}))
    uri = str(response.fields(SECRET).get("secret_uri") or "")
    if as_json:
        write_text(response.text)
    else:
        write_text(sanitize(uri) if where else read_secret(uri))


def rotate_password(
    name: Name,
    *,
    user: Annotated[str, typer.Option("--user", help="Replace only the password of this user.")] = "",
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Replace an environment's passwords in Key Vault and in its machines, which must run. Open sessions stay open."""
    _change_power(name, "rotate-password", user=user, wait=wait, every=every, dry_run=dry_run, as_json=as_json)


def _change_power(
    name: str, verb: str, *, wait: bool, every: float | None, dry_run: bool, as_json: bool, user: str = ""
) -> None:
    with open_control_plane() as plane:
        response = plane.command("POST", path_of("environments", name, verb), dry_run=dry_run, user=user)
        handle_response(plane, response, wait=wait, every=every, as_json=as_json, print_unchanged=_print_already_so)


def _print_plan(response: Response, *, as_json: bool) -> None:
    if as_json:
        write_text(response.text)
    else:
        print_plan(response.fields(PLAN))
    if response.fields({}).get("refusals"):
        raise Unsuccessful("" if as_json else "This plan would be refused.")


def _print_how_to_connect(plane: ControlPlane, name: str) -> None:
    try:
        print_connection(plane.get(path_of("environments", name)).fields(ENVIRONMENT))
    except CommandError:
        print_note(f"To see how to connect: dormouse show {name}")


def _print_up_to_date(environment: dict[str, Any]) -> None:
    print_lines(f"{environment.get('name')} already matches the spec ({environment.get('state')}); nothing was changed.")


def _print_already_so(environment: dict[str, Any]) -> None:
    print_lines(f"{environment.get('name')} is already {environment.get('state')}; nothing was changed.")


def _print_already_deleted(environment: dict[str, Any]) -> None:
    print_lines(f"{environment.get('name')} is already deleted; nothing was changed.")
