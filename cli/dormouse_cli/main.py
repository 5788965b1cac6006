"""The entry point: runs the command and turns every error into a message and an exit code."""

import os
import sys

from dormouse_cli.errors import CommandError, ExitCode
from dormouse_cli.streams import prepare_streams

COMPLETE_VARIABLE = "_DORMOUSE_COMPLETE"


def main() -> None:
    """Run the command that the arguments name, and exit."""
    prepare_streams()
    _prepare_environment()
    if os.environ.get(COMPLETE_VARIABLE):
        # The shell shows the user's line: whatever fails, nothing is printed over it.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until the end
    try:
        from dormouse_cli.app import app

        try:
            app(prog_name="dormouse")
        finally:
            sys.stdout.flush()
    except CommandError as error:
        _exit(error.code, str(error), *error.details)
    except KeyboardInterrupt:
        _exit(ExitCode.INTERRUPTED, "Interrupted.")
    except RecursionError:  # only documents are nested so deeply
        _exit(ExitCode.SERVER_ERROR, "A document is nested too deeply.")
    except Exception as error:  # an error of ours: people get one line instead of a traceback
        if os.environ.get("DORMOUSE_DEBUG"):
            raise
        _exit(ExitCode.BUG, f"This is a bug in dormouse ({type(error).__name__}). Set DORMOUSE_DEBUG=1 for the traceback.")


def _prepare_environment() -> None:
    """Change the variables that the libraries for help and usage errors read in another way than documented here."""
    if os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR", "").lower() in ("0", "false"):
        for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
            os.environ.pop(name, None)
    if not os.environ.get("TERMINAL_WIDTH", "").isdecimal():
        os.environ.pop("TERMINAL_WIDTH", None)


def _exit(code: ExitCode, *lines: str) -> None:
    from dormouse_cli.output import print_error

    print_error(*lines)
    sys.exit(code)
