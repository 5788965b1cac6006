"""Commands that look and change nothing."""

from typing import Annotated

import typer

from dormouse_cli import screens
from dormouse_cli.connection import at, connected
from dormouse_cli.entra import read_secret
from dormouse_cli.errors import NoServer
from dormouse_cli.options import AsJson, Name
from dormouse_cli.output import json_text, plain, write_out

Verdict = Annotated[str, typer.Option("--verdict", metavar="VERDICT", help="Only machines with this verdict: idle, busy, …")]


def blueprints(
    name: Annotated[str, typer.Argument(metavar="[BLUEPRINT]", help="One of them, with its parameters.")] = "",
    *,
    region: Annotated[str, typer.Option("--region", "-r", help="Where, to see what it costs there.")] = "",
    size: Annotated[str, typer.Option("--size", "-s", help="Of which size, to see what that costs.")] = "",
    as_json: AsJson = False,
) -> None:
    """List what can be built, or tell about one kind: parameters, defaults, and with --region the price."""
    query = {word: value for word, value in (("region", region), ("size", size)) if value}
    with connected() as plane:
        answer = plane.read(at("blueprints", name), **query) if name else plane.read_all("/blueprints", query)
    if as_json:
        write_out(answer.text)
    elif name:
        screens.blueprint(answer.fields)
    else:
        screens.blueprints(answer.fields)


def schema(name: Annotated[str, typer.Argument(metavar="BLUEPRINT", help="Of which blueprint.")]) -> None:
    """Print the JSON Schema of a blueprint's spec, as the control plane publishes it; editors check specs with it."""
    with connected() as plane:
        published = plane.read(at("blueprints", name)).fields.get("parameters")
    if not isinstance(published, dict):
        raise NoServer(f"The control plane publishes no schema of {name}.")
    write_out(json_text(published, indent=2))


def ls(*, as_json: AsJson = False) -> None:
    """List the environments."""
    with connected() as plane:
        answer = plane.read_all("/environments")
    if as_json:
        write_out(answer.text)
    else:
        screens.environments(answer.fields)


def show(name: Name, *, as_json: AsJson = False) -> None:
    """Show one environment as it is at this moment: state, price, how to connect, what keeps it awake."""
    with connected() as plane:
        answer = plane.read(at("environments", name))
    if as_json:
        write_out(answer.text)
    else:
        screens.environment(answer.fields)


def operations(
    identifier: Annotated[str, typer.Argument(metavar="[ID]", help="One of them, with its steps.")] = "",
    *,
    environment: Annotated[str, typer.Option("--environment", "-e", help="Only those of this environment.")] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only later ones: 2026-05-01T12:00:00Z.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="So many of the newest; 0 is all.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List what was done, newest first, by whom and what came of it; or tell about one operation."""
    query = {word: value for word, value in (("environment", environment), ("since", since)) if value}
    with connected() as plane:
        path = at("operations", identifier) if identifier else "/operations"
        answer = plane.read(path) if identifier else plane.read_all(path, query, at_most=limit)
    if as_json:
        write_out(answer.text)
    elif identifier:
        screens.operation(answer.fields)
    else:
        screens.operations(answer.fields)


def machines(*, verdict: Verdict = "", as_json: AsJson = False) -> None:
    """List the machines in care as the last sweep has seen them."""
    with connected() as plane:
        answer = plane.read_all("/machines", {"verdict": verdict} if verdict else None)
    if as_json:
        write_out(answer.text)
    else:
        screens.machines(answer.fields)


def idle(
    *,
    csv: Annotated[bool, typer.Option("--csv", help="Every machine as a line of CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report what sleeps, what will, why, and what that has saved."""
    path = "/machines/idle-report"
    with connected() as plane:
        answer = plane.read(path, format="csv") if csv and not as_json else plane.read_all(path)
    if as_json or csv:
        write_out(answer.text)
    else:
        screens.report(answer.fields)


def password(
    name: Name,
    *,
    where: Annotated[bool, typer.Option("--where", help="Only say where it is kept.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read the environment's password from Key Vault, with your own rights.

    The control plane only says where it is (that is also what --json prints). Needs the extra 'entra'.
    """
    with connected() as plane:
        answer = plane.read(at("environments", name, "password"))
    address = str(answer.fields.get("secret_uri", ""))
    if as_json:
        write_out(answer.text)
    else:
        write_out(plain(address) if where else read_secret(address))
