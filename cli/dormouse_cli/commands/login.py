"""Commands for logging in and out, and for shell completion."""

import os
import re
import sys
from typing import Annotated

import typer

from dormouse_cli.client import open_control_plane
from dormouse_cli.credentials import (
    Credentials,
    EntraLogin,
    delete_stored_credentials,
    normalize_url,
    parse_key,
    store_credentials,
)
from dormouse_cli.decoding import decode_text, unit_of
from dormouse_cli.errors import CommandError, ServerError, UsageError
from dormouse_cli.output import print_lines, write_text

MAX_LINE = 8192  # bytes
AUDIENCE = "api://dormouse"
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
# The name at the end of a path, as `-bash`, `bash.exe`, `zsh-5.9` or `pwsh-preview`; a login shell begins with a hyphen.
SHELL_NAME = re.compile(r"-?(?P<name>[a-z]+)(?:[-.\d].*)?", re.IGNORECASE)
DEFAULT_SHELL = "bash" if os.name == "posix" else "powershell"
NOTHING_STORED = "Nothing was stored."


def login(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The URL of the control plane: https://dormouse.example.net.")
    ] = "",
    *,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the key from stdin instead of prompting for it.")
    ] = False,
    entra: Annotated[bool, typer.Option("--entra", help="Use Microsoft Entra tokens instead of a key.")] = False,
    audience: Annotated[str, typer.Option(help="With --entra: the audience of the tokens.")] = AUDIENCE,
    tenant: Annotated[str, typer.Option(help="With --entra: the tenant, unless it is your own.")] = "",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Check the credentials before storing them.")] = True,
) -> None:
    """Store the URL of the control plane with a key, or with the use of Microsoft Entra.

    The key is prompted for or read from stdin. It is never an argument, because other users can see arguments.
    """
    if entra and key_stdin:
        raise UsageError("--entra and --key-stdin cannot be combined.")
    address = normalize_url(url or _prompt("URL of the control plane", hidden=False))
    if entra:
        credentials = Credentials(address, entra=EntraLogin(audience, tenant))
    else:
        credentials = Credentials(address, _read_key(from_stdin=key_stdin))
    if check:
        _check_credentials(credentials)
    path = store_credentials(credentials)
    print_lines(f"Logged in to {address}{'' if check else ' (not checked)'}. The credentials are stored in {path}.")


def logout() -> None:
    """Delete the stored credentials."""
    print_lines("Logged out." if delete_stored_credentials() else "You were not logged in.")


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="The shell or its path; by default, $SHELL.")] = "",
) -> None:
    """Print the shell completion script: source <(dormouse completion bash)."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer does not export it

    given = shell or os.environ.get("SHELL", "")
    chosen = _shell_name(given) if given.strip() else DEFAULT_SHELL
    if chosen not in SHELLS:
        supported = f"supported are {', '.join(SHELLS)}"
        raise UsageError(f"Completion for {given!r} is not supported; {supported}.", "Name one: dormouse completion bash")
    script: str = get_completion_script(prog_name="dormouse", complete_var="_DORMOUSE_COMPLETE", shell=chosen)
    write_text(script)


def _shell_name(text: str) -> str:
    """The name of a shell in its path, which may be a Windows path, or "" if there is none."""
    last = text.strip().strip("\"'").replace("\\", "/").rstrip("/").rpartition("/")[2]
    found = SHELL_NAME.fullmatch(last)
    name = found["name"].lower() if found else ""
    return "bash" if name == "rbash" else name


def _check_credentials(credentials: Credentials) -> None:
    """Make one request; raises its CommandError, or ServerError if the response is not from a control plane."""
    try:
        with open_control_plane(credentials) as plane:
            page = plane.get("/blueprints").fields({})
    except CommandError as error:
        raise type(error)(str(error), *error.details, NOTHING_STORED) from None
    if "value" not in page:
        raise ServerError(f"{credentials.url} does not respond like a control plane.", NOTHING_STORED)


def _read_key(*, from_stdin: bool) -> str:
    if from_stdin:
        return parse_key(_line_from_stdin(), "stdin")
    return parse_key(_prompt("Key", hidden=True), "The input")


def _line_from_stdin() -> str:
    """The first line, in any encoding that PowerShell writes; raises UsageError."""
    try:
        raw = sys.stdin.buffer.readline(MAX_LINE)
        return decode_text(raw + sys.stdin.buffer.read(-len(raw) % unit_of(raw)))
    except UnicodeError:
        raise UsageError("stdin is neither UTF-8 nor UTF-16 text.") from None
    except OSError as error:
        raise UsageError(f"Cannot read stdin: {error.strerror}.") from None


def _prompt(what: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        if hidden:
            raise UsageError("Cannot prompt for the key: stdin is not a terminal.", "Use --key-stdin to read it from stdin.")
        raise UsageError(f"Cannot prompt for the {what}: stdin is not a terminal.", "Use: dormouse login https://…")
    answer: str = typer.prompt(what, hide_input=hidden, err=True)
    return answer
