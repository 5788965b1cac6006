"""The table of commands."""

import os
from collections.abc import Callable
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]  # typer does not export it

from dormouse_cli import __version__
from dormouse_cli.commands import (
    blueprints,
    costs,
    environments,
    images,
    login,
    machines,
    opening,
    operations,
    orphans,
    own_cost,
    selftest,
    sizes,
    stacks,
)
from dormouse_cli.errors import MEANINGS
from dormouse_cli.output import print_lines

ENVIRONMENTS, POWER, IDLE, OPERATIONS, SETUP = "Environments", "Power and access", "Idle shutdown", "Operations", "Setup"
COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    (ENVIRONMENTS, blueprints.blueprints),
    (ENVIRONMENTS, blueprints.schema),
    (ENVIRONMENTS, sizes.sizes),
    (ENVIRONMENTS, environments.plan),
    (ENVIRONMENTS, environments.up),
    (ENVIRONMENTS, environments.ls),
    (ENVIRONMENTS, environments.show),
    (ENVIRONMENTS, environments.rm),
    (ENVIRONMENTS, stacks.apply),
    (ENVIRONMENTS, stacks.delete),
    (ENVIRONMENTS, images.promote_image),
    (POWER, opening.open_),
    (POWER, environments.start),
    (POWER, environments.stop),
    (POWER, environments.restart),
    (POWER, environments.hibernate),
    (POWER, environments.resize),
    (POWER, environments.password),
    (POWER, environments.rotate_password),
    (IDLE, machines.idle),
    (IDLE, machines.machines),
    (IDLE, machines.hold),
    (IDLE, machines.extend),
    (IDLE, machines.adopt),
    (IDLE, machines.release),
    (IDLE, machines.sweep),
    (OPERATIONS, costs.costs),
    (OPERATIONS, operations.operations),
    (OPERATIONS, operations.watch),
    (OPERATIONS, operations.cancel),
    (OPERATIONS, orphans.orphans),
    (SETUP, login.login),
    (SETUP, login.logout),
    (SETUP, selftest.selftest),
    (SETUP, own_cost.cost_of_itself),
    (SETUP, login.completion),
)
EPILOG = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."

# Typer initialises completion only with its own options, which add_completion=False removes.
if os.environ.get("_DORMOUSE_COMPLETE"):
    completion_init()

app = typer.Typer(
    name="dormouse",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:  # noqa: FBT001 - typer's signature
    if requested:
        print_lines(f"dormouse {__version__}")
        raise typer.Exit


@app.callback()
def dormouse(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Create, start, stop and delete GPU environments on Azure; idle machines are stopped automatically."""


for _panel, _command in COMMANDS:
    app.command(rich_help_panel=_panel)(_command)
