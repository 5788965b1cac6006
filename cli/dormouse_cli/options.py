"""Options and arguments that several commands share, and the completion of environment names."""

from typing import Annotated

import typer

from dormouse_cli.client import open_control_plane
from dormouse_cli.errors import CommandError
from dormouse_cli.network.deadline import DeadlineExceeded, run_within
from dormouse_cli.output import sanitize

COMPLETION_TIMEOUT = 2.0  # seconds


def complete_environment(incomplete: str) -> list[str]:
    """The names of environments that begin with a text; none if the control plane does not answer in time."""
    try:
        names = run_within(COMPLETION_TIMEOUT, _environment_names)
    except (CommandError, DeadlineExceeded):
        return []
    return [name for name in names if name.startswith(incomplete)]


def _environment_names() -> list[str]:
    with open_control_plane(timeout=COMPLETION_TIMEOUT) as plane:
        return [sanitize(row.get("name")) for row in plane.get_all("/environments").rows if row.get("name")]


AsJson = Annotated[bool, typer.Option("--json", help="Print the control plane's response as one JSON document.")]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait for the operation to end, and show its progress.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")]
Every = Annotated[
    float | None,
    typer.Option(
        "--every",
        min=0.1,
        max=60,
        metavar="SECONDS",
        envvar="DORMOUSE_EVERY",
        help="Seconds between polls while waiting.",
    ),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=complete_environment, help="The name of the environment.")
]
Target = Annotated[
    str,
    typer.Argument(
        metavar="NAME|MACHINE",
        autocompletion=complete_environment,
        help="The name of an environment, or a machine as GROUP/MACHINE or by its resource ID.",
    ),
]
Machine = Annotated[str, typer.Argument(metavar="MACHINE", help="The machine as GROUP/MACHINE, or its resource ID.")]
File = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="The spec, in YAML or JSON; - reads it from stdin.")]
Blueprint = Annotated[
    str, typer.Option("--blueprint", "-b", metavar="BLUEPRINT", help="The blueprint to build the environment from.")
]
Region = Annotated[str, typer.Option("--region", "-r", metavar="REGION", help="The Azure region, such as polandcentral.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set one value of the spec: --set disk.size_gib=128."),
]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=0, help="Only the first N rows; 0 lists all.")]
Search = Annotated[str, typer.Option("--search", metavar="TEXT", help="Only rows that contain each of these words.")]
Sort = Annotated[
    str, typer.Option("--sort", metavar="COLUMN", help="Sort by this column; -COLUMN sorts in the opposite order.")
]
Owner = Annotated[str, typer.Option("--owner", metavar="OWNER", help="Only what belongs to this owner, or OWNER,OWNER.")]
OfBlueprint = Annotated[
    str, typer.Option("--blueprint", "-b", metavar="BLUEPRINT", help="Only what was built from this blueprint.")
]
InRegion = Annotated[str, typer.Option("--region", "-r", metavar="REGION", help="Only what is in this Azure region.")]
State = Annotated[str, typer.Option("--state", metavar="STATE", help="Only what is in this state: running, stopped, …")]
Verdict = Annotated[
    str, typer.Option("--verdict", metavar="VERDICT", help="Only what has this verdict: idle, busy, … or idle,busy.")
]
OfEnvironment = Annotated[
    str, typer.Option("--environment", "-e", metavar="NAME", help="Only machines of this environment.")
]


def list_query(**asked: str) -> dict[str, str]:
    """The query of a list: the options that were given."""
    return {name: value for name, value in asked.items() if value}
