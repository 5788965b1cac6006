"""Commands about operations: list, watch and cancel them."""

from typing import Annotated

import typer

from dormouse_cli.client import ControlPlane, open_control_plane, path_of
from dormouse_cli.errors import NotFound, ServerError, Unsuccessful
from dormouse_cli.network.responses import UNEXPECTED_SHAPE
from dormouse_cli.options import AsJson, Every, Limit, Search, Sort, Wait, list_query
from dormouse_cli.output import sanitize, write_text
from dormouse_cli.polling import handle_response, is_sweep, operation_path, print_accepted, wait_until_ended
from dormouse_cli.render.operations import print_operation, print_operations
from dormouse_cli.shapes import OPERATION, page_of


def operations(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="Show this operation with its steps.")] = "",
    *,
    environment: Annotated[str, typer.Option("--environment", "-e", help="Only operations on this environment.")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Only operations accepted after this time: 2026-05-01T12:00:00Z.")
    ] = "",
    verb: Annotated[str, typer.Option("--verb", metavar="VERB", help="Only operations that do this: start, stop, …")] = "",
    outcome: Annotated[
        str, typer.Option("--outcome", metavar="OUTCOME", help="Only operations that ended like this: failed, … or running.")
    ] = "",
    requested_by: Annotated[
        str, typer.Option("--requested-by", metavar="WHO", help="Only operations that this user, key or timer requested.")
    ] = "",
    search: Search = "",
    sort: Sort = "",
    limit: Limit = 0,
    as_json: AsJson = False,
) -> None:
    """List operations, newest first, or show one with its steps."""
    query = list_query(
        environment=environment,
        since=since,
        verb=verb,
        outcome=outcome,
        requested_by=requested_by,
        search=search,
        sort=sort,
    )
    with open_control_plane() as plane:
        path = path_of("operations", identifier) if identifier else "/operations"
        response = plane.get(path) if identifier else plane.get_all(path, query, limit=limit)
    if as_json:
        write_text(response.text)
    elif identifier:
        print_operation(response.fields(OPERATION))
    else:
        print_operations(response.fields(page_of(OPERATION)))


def watch(
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID|NAME", help="An operation, a sweep, or an environment, whose latest operation is watched."
        ),
    ],
    *,
    every: Every = None,
    as_json: AsJson = False,
) -> None:
    """Watch an operation until it ends; Ctrl-C stops watching only."""
    with open_control_plane() as plane:
        found = identifier if is_sweep(identifier) else _find_operation(plane, identifier)
        wait_until_ended(plane, found, as_json=as_json, every=every)


def cancel(
    operation: Annotated[str, typer.Argument(metavar="ID", help="The ID of the provision operation.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="End any operation immediately, without rollback (admins only).")
    ] = False,
    wait: Wait = False,
    every: Every = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a provision and roll back what it created."""
    with open_control_plane() as plane:
        response = plane.command("POST", path_of("operations", operation, "cancel"), force=force)
        if not wait:
            print_accepted(response, as_json=as_json)
            return
        try:
            handle_response(plane, response, wait=True, every=every, as_json=as_json)
        except Unsuccessful:  # an operation that was cancelled is what the caller asked for
            ended = plane.get(operation_path(operation)).fields(OPERATION)
            if (ended.get("outcome") or ended.get("state")) != ("lost" if force else "cancelled"):
                raise


def _find_operation(plane: ControlPlane, identifier: str) -> str:
    """The operation with this ID, or the latest operation of the environment with this name; raises NotFound."""
    try:
        found = plane.get(path_of("operations", identifier)).fields(OPERATION)
    except NotFound:
        rows = plane.get_all("/operations", {"environment": identifier}, limit=1).rows
        if not rows:
            reason = f"There is no operation {identifier!r}, and no environment with that name has operations."
            raise NotFound(reason) from None
        found = rows[0]
    if not isinstance(found.get("id"), str):
        raise ServerError(UNEXPECTED_SHAPE)
    return sanitize(found["id"])
