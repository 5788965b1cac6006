"""Options and arguments that several commands share, and completion of names."""

from typing import Annotated

import typer

from dormouse_cli.connection import connected
from dormouse_cli.errors import CommandError

A_MOMENT = 2.0  # seconds: nobody waits longer for a completion


def environments(incomplete: str) -> list[str]:
    """The names of environments that begin so; none where nobody can be asked."""
    try:
        with connected(patience=A_MOMENT) as plane:
            rows = plane.read_all("/environments").rows
    except CommandError:
        return []
    return [str(row["name"]) for row in rows if str(row.get("name", "")).startswith(incomplete)]


AsJson = Annotated[bool, typer.Option("--json", help="Print what the control plane answered, as one JSON document.")]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait until it has ended, and show its steps.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
Every = Annotated[
    float | None,
    typer.Option(
        "--every", min=0.1, max=60, metavar="SECONDS", envvar="DORMOUSE_EVERY", help="How often to look while waiting."
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=environments, help="The environment's name.")]
Target = Annotated[
    str,
    typer.Argument(
        metavar="NAME|MACHINE",
        autocompletion=environments,
        help="An environment, or a machine: GROUP/MACHINE or its resource id.",
    ),
]
Machine = Annotated[str, typer.Argument(metavar="MACHINE", help="GROUP/MACHINE, or the machine's resource id.")]
File = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="The spec: YAML or JSON; - reads YAML from stdin.")]
Blueprint = Annotated[str, typer.Option("--blueprint", "-b", metavar="BLUEPRINT", help="What kind of environment to build.")]
Region = Annotated[str, typer.Option("--region", "-r", metavar="REGION", help="Where: polandcentral, for example.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One value of the spec: --set disk.size_gib=128.")
]
