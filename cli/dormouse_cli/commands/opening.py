"""The command that leads into an environment: start it if it sleeps, wait until it is ready, and open it."""

import sys
import webbrowser
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from dormouse_cli.client import ControlPlane, open_control_plane, path_of
from dormouse_cli.errors import AccessDenied, Conflict, Unsuccessful
from dormouse_cli.network.responses import Response
from dormouse_cli.options import AsJson, Every, Name
from dormouse_cli.output import print_lines, print_note, sanitize, write_text
from dormouse_cli.polling import accepted_operation, poll_until_ended, progress_in
from dormouse_cli.render.opening import print_ways_in
from dormouse_cli.render.operations import has_succeeded, print_outcome
from dormouse_cli.render.values import rows_in
from dormouse_cli.shapes import OPENING

RUNS = ("ready", "unchecked", "unhealthy")


def open_(
    name: Name,
    *,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print only the URLs and commands that connect, one a line; open no browser.")
    ] = False,
    every: Every = None,
    as_json: AsJson = False,
) -> None:
    """Start an environment if it sleeps, wait until its health checks have passed, and open it in the browser.

    What has no page is printed: the commands for SSH and Remote Desktop.
    """
    with open_control_plane() as plane:
        response = _opened(plane, name, every)
    opening = response.fields(OPENING)
    if as_json:
        write_text(response.text)
    elif only_print:
        write_text("\n".join(sanitize(way.get("url") or way.get("command")) for way in rows_in(opening, "ways_in")))
    else:
        print_ways_in(opening)
        _open_browser(opening)
    if opening.get("phase") == "unhealthy":
        raise Unsuccessful("" if as_json else sanitize(opening.get("text")))
    if opening.get("phase") == "unchecked":
        print_note(sanitize(opening.get("text")))


def _opened(plane: ControlPlane, name: str, every: float | None) -> Response:
    """How the environment is once it runs; raises Conflict, AccessDenied or Unsuccessful if it does not."""
    response = _ask(plane, name)
    opening = response.fields(OPENING)
    operation = _started(plane, name, opening)
    if operation:
        ended = progress_in(poll_until_ended(plane, operation, every=every))
        if not has_succeeded(ended) and ended.get("outcome") != "unhealthy":
            print_outcome(ended)
            raise Unsuccessful("")
        response = _ask(plane, name)
        opening = response.fields(OPENING)
    if opening.get("phase") in RUNS:
        return response
    obstacle = opening.get("obstacle") or {}
    words = sanitize(obstacle.get("detail") or opening.get("text"))
    raise AccessDenied(words) if obstacle.get("code") == "role" else Conflict(words)


def _started(plane: ControlPlane, name: str, opening: dict[str, Any]) -> str:
    """The operation that starts it, begun now if the environment sleeps; "" if none does."""
    if opening.get("may_start"):
        begun = plane.command("POST", path_of("environments", name, "start"))
        return accepted_operation(begun) if begun.accepted else ""
    running = opening.get("operation") or {}
    return sanitize(running.get("id")) if opening.get("phase") == "starting" and running.get("outcome") is None else ""


def _ask(plane: ControlPlane, name: str) -> Response:
    return plane.get(path_of("environments", name, "opening"))


def _open_browser(opening: dict[str, Any]) -> None:
    """Open the first page that has passed its checks, if there is one and a person is at the terminal."""
    pages = [str(way["url"]) for way in rows_in(opening, "ways_in") if way.get("url") and way.get("ready")]
    if not pages or urlsplit(pages[0]).scheme != "https" or not sys.stdout.isatty():
        return
    if not webbrowser.open(pages[0]):
        print_lines("No browser could be opened.")


open_.__name__ = "open"  # the name of the command; the builtin keeps its own in this module
