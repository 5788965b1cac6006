"""Specs on their way to the control plane: each value as its blueprint's schema wants it."""

from typing import Any

from dormouse_cli.client import ControlPlane, path_of
from dormouse_cli.errors import NotFound, UsageError
from dormouse_cli.network.responses import Response
from dormouse_cli.spec_values import has_scalars, json_values


def put_spec(plane: ControlPlane, name: str, spec: dict[str, Any], *, dry_run: bool) -> Response:
    """PUT an environment with a spec; raises a CommandError."""
    path = path_of("environments", name)
    values = json_values(spec, _schema_of(plane, spec) if has_scalars(spec) else None)
    return plane.command("PUT", path, values, dry_run=dry_run)


def _schema_of(plane: ControlPlane, spec: dict[str, Any]) -> Any:
    """The JSON Schema of a spec, which says which values are text; None if there is no such blueprint."""
    blueprint = spec.get("blueprint")
    if not isinstance(blueprint, str) or not blueprint.strip(". "):
        return None
    try:
        return plane.get(path_of("blueprints", blueprint)).fields({}).get("parameters")
    except (NotFound, UsageError):
        return None
