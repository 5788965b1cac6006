"""The entry point: runs the command and turns every error into a message and an exit code."""

import io
import os
import sys

from dormouse_cli.errors import CommandError, ExitCode


def main() -> None:
    """Run the command that the arguments name, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the encoding lacks must not lose the whole output
    try:
        from dormouse_cli.app import app

        app(prog_name="dormouse")
    except CommandError as error:
        _exit(error.code, str(error), *error.details)
    except KeyboardInterrupt:
        _exit(ExitCode.INTERRUPTED, "Interrupted.")
    except Exception as error:
        if os.environ.get("DORMOUSE_DEBUG"):
            raise
        _exit(ExitCode.BUG, f"This is a bug in dormouse ({type(error).__name__}). Set DORMOUSE_DEBUG=1 for the traceback.")


def _exit(code: ExitCode, *lines: str) -> None:
    from dormouse_cli.output import print_error

    print_error(*lines)
    sys.exit(code)
