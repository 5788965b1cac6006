"""The door of the command: whatever goes wrong inside comes out as a sentence and an exit code."""

import io
import os
import sys

from dormouse_cli.errors import CommandError, ExitCode


def main() -> None:
    """Run the command that the arguments name, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where a terminal cannot show a character, the others still count
    try:
        from dormouse_cli.app import app

        app(prog_name="dormouse")
    except CommandError as error:
        _end(error.code, str(error), *error.more)
    except KeyboardInterrupt:
        _end(ExitCode.INTERRUPTED, "Interrupted.")
    except Exception as error:
        if os.environ.get("DORMOUSE_DEBUG"):
            raise
        words = f"This is a defect of dormouse ({type(error).__name__}); DORMOUSE_DEBUG=1 shows where."
        _end(ExitCode.DEFECT, words)


def _end(code: ExitCode, *lines: str) -> None:
    from dormouse_cli.output import complain

    complain(*lines)
    sys.exit(code)
