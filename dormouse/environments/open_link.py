"""Open links: addresses to bookmark that lead into an environment, and start it first if it sleeps. Pure."""

from urllib.parse import quote


def open_link(control_plane: str, name: str) -> str:
    """The open link of an environment, or "" if the control plane does not know its own URL.

    It holds no secret: people who follow it sign in first, and opening it starts nothing.
    """
    return f"{control_plane.rstrip('/')}/open/{quote(name, safe='')}" if control_plane and name else ""
