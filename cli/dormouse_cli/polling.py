"""Polling: follow an operation or a sweep to its end; the operation does not depend on it."""

import time
from collections.abc import Callable
from typing import Any

from dormouse_cli.client import ControlPlane, path_of
from dormouse_cli.errors import Interrupted, ServerError, Unsuccessful
from dormouse_cli.network.responses import UNEXPECTED_SHAPE, Response
from dormouse_cli.output import print_lines, print_note, sanitize, write_text
from dormouse_cli.progress import ProgressDisplay, progress_display
from dormouse_cli.render.environments import print_command_preview
from dormouse_cli.render.operations import has_succeeded, is_running, print_outcome
from dormouse_cli.shapes import ACCEPTED, COMMAND_PREVIEW, ENVIRONMENT, OPERATION

MAX_INTERVAL = 5.0  # seconds between polls
# A control plane may be unavailable for about this long while a new version is deployed.
MAX_UNAVAILABLE = 180.0


def handle_response(
    plane: ControlPlane,
    response: Response,
    *,
    wait: bool,
    every: float | None,
    as_json: bool,
    print_unchanged: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Report the response to a command: accepted (with `wait`, how it ended), a dry run, or nothing to do."""
    if not response.accepted:
        if as_json:
            write_text(response.text)
        elif "would" in response.fields({}):
            print_command_preview(response.fields(COMMAND_PREVIEW))
        elif print_unchanged:
            print_unchanged(response.fields(ENVIRONMENT))
        return
    if not wait:
        print_accepted(response, as_json=as_json)
        return
    wait_until_ended(plane, accepted_operation(response), as_json=as_json, every=every, first_interval=response.retry_after)


def print_accepted(response: Response, *, as_json: bool) -> None:
    """Report that a command was accepted, and how to watch it."""
    if as_json:
        write_text(response.text)
        return
    identifier = accepted_operation(response)
    print_lines(f"Accepted: {identifier}")
    print_note(f"Watch it: dormouse watch {identifier}")


def wait_until_ended(
    plane: ControlPlane, identifier: str, *, as_json: bool, every: float | None, first_interval: float = 0.0
) -> None:
    """Poll an operation or a sweep to its end and print how it ended; raises Unsuccessful unless it succeeded."""
    ended = poll_until_ended(plane, identifier, every=every, first_interval=first_interval)
    if as_json:
        write_text(ended.text)
    else:
        print_outcome(progress_in(ended))
    if not has_succeeded(progress_in(ended)):
        raise Unsuccessful("")


def poll_until_ended(plane: ControlPlane, identifier: str, *, every: float | None, first_interval: float = 0.0) -> Response:
    """The operation or sweep when it has ended; polls every `every` seconds, or as often as the server asks for."""
    default = min(first_interval or MAX_INTERVAL, MAX_INTERVAL)
    path = operation_path(identifier)
    try:
        print_note(f"Watching {identifier}. Ctrl-C stops watching; the operation continues.")
        with progress_display() as display:
            while True:
                response = get_patiently(plane, path, identifier, display)
                progress = progress_in(response)
                display.update(progress)
                if not is_running(progress):
                    return response
                time.sleep(every or min(response.retry_after or default, MAX_INTERVAL))
    except KeyboardInterrupt:
        raise Interrupted("Stopped watching; the operation continues.", *_next_commands(identifier)) from None


def get_patiently(plane: ControlPlane, path: str, identifier: str, display: ProgressDisplay) -> Response:
    """GET the path of an operation, and retry while the server is unavailable, for up to MAX_UNAVAILABLE seconds."""
    deadline = time.monotonic() + MAX_UNAVAILABLE
    while True:
        try:
            return plane.get(path)
        except ServerError as error:
            if not error.retryable:
                lines = (*error.details, "The operation continues.", *_next_commands(identifier))
                raise ServerError(str(error), *lines) from None
            if time.monotonic() > deadline:
                advice = f"No response for {MAX_UNAVAILABLE / 60:.0f} minutes; stopped watching. The operation continues."
                raise ServerError(str(error), advice, *_next_commands(identifier)) from None
            display.show_message(f"{error} The operation continues; retrying …")
            time.sleep(MAX_INTERVAL if error.retry_after is None else min(error.retry_after, MAX_UNAVAILABLE))


def is_sweep(identifier: str) -> bool:
    """Whether an ID is the ID of a sweep."""
    return identifier.startswith("sweep-")


def operation_path(identifier: str) -> str:
    """The path of an operation or a sweep; the links in a 202 are not used, since a proxy may have another host name."""
    return path_of("sweeps" if is_sweep(identifier) else "operations", identifier)


def accepted_operation(response: Response) -> str:
    """The ID of the operation or sweep that a 202 names; raises ServerError."""
    accepted = response.fields(ACCEPTED)
    identifier = accepted.get("operation") or accepted.get("sweep")
    if not identifier:
        raise ServerError(UNEXPECTED_SHAPE)
    return sanitize(identifier)


def progress_in(response: Response) -> dict[str, Any]:
    """The fields of an operation or a sweep; raises ServerError if they do not say whether it has ended."""
    fields = response.fields(OPERATION)
    if "outcome" not in fields and not fields.get("state"):
        raise ServerError(UNEXPECTED_SHAPE)
    return fields


def _next_commands(identifier: str) -> list[str]:
    cancel = [f"Cancel it: dormouse cancel {identifier}"] if "-provision-" in identifier else []
    return [f"Watch it: dormouse watch {identifier}", *cancel]
