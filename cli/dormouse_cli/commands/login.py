"""Commands for logging in and out, and for shell completion."""

import os
import sys
from typing import Annotated, Literal

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
from dormouse_cli.errors import CommandError, ServerError, UsageError
from dormouse_cli.output import print_lines, write_text

AUDIENCE = "api://dormouse"
Shell = Literal["bash", "zsh", "fish", "powershell", "pwsh"]
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
    shell: Annotated[Shell | None, typer.Argument(metavar="SHELL", help="The shell; by default, the one in $SHELL.")] = None,
) -> None:
    """Print the shell completion script: source <(dormouse completion bash)."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # typer does not export it

    chosen = shell or os.path.basename(os.environ.get("SHELL", "")) or "bash"  # noqa: PTH119 - a name, not a path
    if chosen not in ("bash", "zsh", "fish", "powershell", "pwsh"):
        raise UsageError(f"Completion for {chosen} is not supported; supported are bash, zsh, fish and powershell.")
    script: str = get_completion_script(prog_name="dormouse", complete_var="_DORMOUSE_COMPLETE", shell=chosen)
    write_text(script)


def _check_credentials(credentials: Credentials) -> None:
    """Make one request; raises its CommandError, or ServerError if the response is not from a control plane."""
    try:
        with open_control_plane(credentials) as plane:
            page = plane.get("/blueprints").fields
    except CommandError as error:
        raise type(error)(str(error), *error.details, NOTHING_STORED) from None
    if "value" not in page:
        raise ServerError(f"{credentials.url} does not respond like a control plane.", NOTHING_STORED)


def _read_key(*, from_stdin: bool) -> str:
    if from_stdin:
        return parse_key(sys.stdin.readline(), "stdin")
    return parse_key(_prompt("Key", hidden=True), "The input")


def _prompt(what: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        if hidden:
            raise UsageError("Cannot prompt for the key: stdin is not a terminal.", "Use --key-stdin to read it from stdin.")
        raise UsageError(f"Cannot prompt for the {what}: stdin is not a terminal.", "Use: dormouse login https://…")
    answer: str = typer.prompt(what, hide_input=hidden, err=True)
    return answer
