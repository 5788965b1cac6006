"""The table of commands."""

import os
from collections.abc import Callable
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]  # only its neighbours import it

from dormouse_cli import __version__
from dormouse_cli.commands import acting, caring, login, looking
from dormouse_cli.errors import MEANING
from dormouse_cli.output import say

BUILD, RUN, SLEEP, TRAIL, SETUP = "Look and build", "Run", "Sleep", "Operations", "Set up"
COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    (BUILD, looking.blueprints),
    (BUILD, looking.schema),
    (BUILD, acting.plan),
    (BUILD, acting.up),
    (BUILD, looking.ls),
    (BUILD, looking.show),
    (BUILD, acting.rm),
    (RUN, acting.start),
    (RUN, acting.stop),
    (RUN, acting.restart),
    (RUN, looking.password),
    (SLEEP, looking.idle),
    (SLEEP, looking.machines),
    (SLEEP, caring.hold),
    (SLEEP, caring.extend),
    (SLEEP, caring.adopt),
    (SLEEP, caring.release),
    (SLEEP, caring.sweep),
    (TRAIL, looking.operations),
    (TRAIL, acting.watch),
    (TRAIL, acting.cancel),
    (SETUP, login.login),
    (SETUP, login.logout),
    (SETUP, login.completion),
)
EPILOG = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANING.items()) + "."

# Typer makes itself ready for shells only where it adds options of its own for that.
if "_DORMOUSE_COMPLETE" in os.environ:
    completion_init()

app = typer.Typer(
    name="dormouse",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - the shape is typer's
    if asked:
        say(f"dormouse {__version__}")
        raise typer.Exit


@app.callback()
def dormouse(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """GPU machines on Azure: built from blueprints, asleep when nobody uses them, gone without leftovers."""


for _panel, _command in COMMANDS:
    app.command(rich_help_panel=_panel)(_command)
