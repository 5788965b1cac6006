"""Logging in and out, and completion."""

import os
import sys
from typing import Annotated, Literal

import typer

from dormouse_cli.access import Access, Entra, address_of, forget, sendable_key, store
from dormouse_cli.connection import connected
from dormouse_cli.errors import CommandError, NoServer, Usage
from dormouse_cli.output import say, write_out

AUDIENCE = "api://dormouse"
Shell = Literal["bash", "zsh", "fish", "powershell", "pwsh"]


def login(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where the control plane is: https://dormouse.example.net.")
    ] = "",
    *,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the key from stdin instead of asking for it.")
    ] = False,
    entra: Annotated[bool, typer.Option("--entra", help="Use Microsoft Entra instead of a key.")] = False,
    audience: Annotated[str, typer.Option(help="With --entra: for whom tokens are made.")] = AUDIENCE,
    tenant: Annotated[str, typer.Option(help="With --entra: the tenant, if not your own.")] = "",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Try it before it is stored.")] = True,
) -> None:
    """Store where the control plane is, and the key or the use of Microsoft Entra.

    The key is asked for, or read from stdin; it is never an argument, which others could see.
    """
    if entra and key_stdin:
        raise Usage("A key or Microsoft Entra: only one of both can be used.")
    address = address_of(url or _asked("URL of the control plane", hidden=False))
    access = Access(address, entra=Entra(audience, tenant)) if entra else Access(address, _key(from_stdin=key_stdin))
    if check:
        _try(access)
    path = store(access)
    say(f"Logged in to {address}{'' if check else ' (not tried)'}. This is kept in {path}, which only you can read.")


def logout() -> None:
    """Forget what login has stored."""
    say("Logged out." if forget() else "Nobody was logged in.")


def completion(
    shell: Annotated[Shell | None, typer.Argument(help="The shell; the one you are in, if not said.")] = None,
) -> None:
    """Print what makes the shell complete commands, options and names: source <(dormouse completion bash)."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # only its neighbours import it

    chosen = shell or os.path.basename(os.environ.get("SHELL", "")) or "bash"  # noqa: PTH119 - a name, not a path
    if chosen not in ("bash", "zsh", "fish", "powershell", "pwsh"):
        raise Usage(f"There is no completion for {chosen}; there is for bash, zsh, fish and powershell.")
    script: str = get_completion_script(prog_name="dormouse", complete_var="_DORMOUSE_COMPLETE", shell=chosen)
    write_out(script)


def _try(access: Access) -> None:
    try:
        with connected(access) as plane:
            page = plane.read("/blueprints").fields
    except CommandError as error:
        raise type(error)(str(error), *error.more, "Nothing was stored.") from None
    if "value" not in page:
        raise NoServer(f"{access.url} does not answer like a control plane.", "Nothing was stored.")


def _key(*, from_stdin: bool) -> str:
    if from_stdin:
        return sendable_key(sys.stdin.readline(), "stdin")
    return sendable_key(_asked("Key", hidden=True), "this answer")


def _asked(what: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        way = "--key-stdin reads it from stdin." if hidden else "Name it: dormouse login https://…"
        raise Usage(f"There is no terminal to ask on for the {what[0].lower() if hidden else what[0]}{what[1:]}.", way)
    answer: str = typer.prompt(what, hide_input=hidden, err=True)
    return answer
