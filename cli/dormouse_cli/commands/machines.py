"""Commands about machines: verdicts, holds, leases, adoption and sweeps."""

from typing import Annotated, Any, Literal

import typer

from dormouse_cli.client import ControlPlane, open_control_plane, path_of
from dormouse_cli.errors import NotFound
from dormouse_cli.machine_ids import is_id, read_machine
from dormouse_cli.network.responses import Response
from dormouse_cli.options import (
    AsJson,
    DryRun,
    Every,
    InRegion,
    Limit,
    Machine,
    OfBlueprint,
    OfEnvironment,
    Owner,
    Search,
    Sort,
    State,
    Target,
    Verdict,
    Wait,
    list_query,
)
from dormouse_cli.output import write_text
from dormouse_cli.polling import handle_response
from dormouse_cli.render.machines import print_hold, print_idle_report, print_lease, print_machines
from dormouse_cli.shapes import HELD, LEASED, MACHINE, REPORT, page_of

Duration = Annotated[
    str, typer.Argument(metavar="DURATION", help="A duration with its unit: 45m, 2h30m or 3d; 0 removes it.")
]
RESOURCE_ID_PARTS = 8  # /subscriptions/{id}/resourceGroups/{group}/providers/{namespace}/{type}/{name}


def machines(
    *,
    verdict: Verdict = "",
    state: State = "",
    owner: Owner = "",
    blueprint: OfBlueprint = "",
    environment: OfEnvironment = "",
    region: InRegion = "",
    search: Search = "",
    sort: Sort = "",
    limit: Limit = 0,
    as_json: AsJson = False,
) -> None:
    """List the watched machines as the last sweep saw them: all of them, or those that the options name."""
    query = list_query(
        verdict=verdict,
        state=state,
        owner=owner,
        blueprint=blueprint,
        environment=environment,
        region=region,
        search=search,
        sort=sort,
    )
    with open_control_plane() as plane:
        response = plane.get_all("/machines", query, limit=limit)
    if as_json:
        write_text(response.text)
    else:
        print_machines(response.fields(page_of(MACHINE)))


def idle(
    *,
    csv: Annotated[bool, typer.Option("--csv", help="Print the machines as CSV.")] = False,
    verdict: Verdict = "",
    owner: Owner = "",
    search: Search = "",
    sort: Sort = "",
    as_json: AsJson = False,
) -> None:
    """Show the idle report: verdicts, reasons, next actions and money saved."""
    path, query = "/machines/idle-report", list_query(verdict=verdict, owner=owner, search=search, sort=sort)
    with open_control_plane() as plane:
        response = plane.get(path, format="csv", **query) if csv and not as_json else plane.get_all(path, query)
    if as_json or csv:
        write_text(response.text)
    else:
        print_idle_report(response.fields(REPORT))


def hold(
    target: Target,
    duration: Duration,
    *,
    reason: Annotated[str, typer.Option("--reason", help="The reason, which other users can see.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Keep a machine awake for a duration; a hold never shortens a longer one."""
    body = {"for": duration, **({"reason": reason} if reason else {})}
    with open_control_plane() as plane:
        response = _command_target(plane, target, "hold", body, dry_run=dry_run)
    if as_json:
        write_text(response.text)
    else:
        print_hold(response.fields(HELD), target, dry_run=dry_run)


def extend(
    target: Target,
    duration: Duration,
    *,
    then: Annotated[Literal["stop", "delete"], typer.Option("--then", help="What happens when the lease expires.")] = "stop",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set or renew a lease: stop (or delete) the VM when it expires."""
    with open_control_plane() as plane:
        response = _command_target(plane, target, "extend", {"for": duration, "then": then}, dry_run=dry_run)
    if as_json:
        write_text(response.text)
    else:
        print_lease(response.fields(LEASED), target, dry_run=dry_run)


def adopt(
    machine: Machine,
    *,
    idle: Annotated[str, typer.Option("--idle", metavar="POLICY", help='The idle policy: "window=45m, lead=10m".')] = "",
    schedule: Annotated[
        str, typer.Option("--schedule", help='The weekly on-hours: "mon-fri 08:00-19:00 Europe/Berlin".')
    ] = "",
    agent: Annotated[
        bool, typer.Option("--agent/--no-agent", help="Install the agent, which reports GPU use and sessions.")
    ] = True,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Start watching a machine that Dormouse did not create."""
    given = {key: value for key, value in (("idle", idle), ("schedule", schedule)) if value}
    with open_control_plane() as plane:
        body = {"machine": resolve_machine(plane, machine), "agent": agent, **given}
        response = plane.command("POST", "/machines/adopt", body, dry_run=dry_run)
        handle_response(plane, response, wait=wait, every=every, as_json=as_json)


def release(
    machine: Machine,
    *,
    agent: Annotated[bool, typer.Option("--remove-agent/--keep-agent", help="Whether to remove the agent.")] = True,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Stop watching an adopted machine."""
    with open_control_plane() as plane:
        body = {"machine": resolve_machine(plane, machine), "agent": agent}
        response = plane.command("POST", "/machines/release", body, dry_run=dry_run)
        handle_response(plane, response, wait=wait, every=every, as_json=as_json)


def sweep(*, wait: Wait = False, every: Every = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Evaluate all machines now and act on the verdicts; with --wait, show the result."""
    with open_control_plane() as plane:
        response = plane.command("POST", "/sweeps", {"dry_run": dry_run})
        handle_response(plane, response, wait=wait, every=every, as_json=as_json)


def resolve_machine(plane: ControlPlane, machine: str) -> str:
    """The resource ID of a machine given by its ID or as GROUP/MACHINE; raises NotFound."""
    named = read_machine(machine)
    if is_id(named):
        return named
    for row in plane.get_all("/machines").fields(page_of(MACHINE))["value"]:
        parts = str(row.get("id", "")).split("/")
        if len(parts) > RESOURCE_ID_PARTS and f"{parts[4]}/{parts[8]}".lower() == named.lower():
            return str(row["id"])
    raise NotFound(f"The last sweep saw no machine {machine!r}.", "Name it as GROUP/MACHINE, or by its resource ID.")


def _command_target(plane: ControlPlane, target: str, verb: str, body: dict[str, Any], *, dry_run: bool) -> Response:
    """Send a command for a machine if the target contains a slash, otherwise for an environment."""
    named = read_machine(target)
    if "/" in named:
        for_machine = {**body, "machine": resolve_machine(plane, target)}
        return plane.command("POST", f"/machines/{verb}", for_machine, dry_run=dry_run)
    return plane.command("POST", path_of("environments", named, verb), body, dry_run=dry_run)
