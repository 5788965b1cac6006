"""Commands about blueprints."""

from typing import Annotated

import typer

from dormouse_cli.client import open_control_plane, path_of
from dormouse_cli.errors import ServerError
from dormouse_cli.network.responses import document_text
from dormouse_cli.options import AsJson
from dormouse_cli.output import write_text
from dormouse_cli.render.environments import print_blueprint, print_blueprints
from dormouse_cli.shapes import BLUEPRINT, page_of


def blueprints(
    name: Annotated[str, typer.Argument(metavar="BLUEPRINT", help="Show this blueprint with its parameters.")] = "",
    *,
    region: Annotated[str, typer.Option("--region", "-r", help="Show prices in this region.")] = "",
    size: Annotated[str, typer.Option("--size", "-s", help="Show the price of this VM size.")] = "",
    as_json: AsJson = False,
) -> None:
    """List blueprints, or show one with its parameters and defaults; with --region, also the price."""
    query = {key: value for key, value in (("region", region), ("size", size)) if value}
    with open_control_plane() as plane:
        response = plane.get(path_of("blueprints", name), **query) if name else plane.get_all("/blueprints", query)
    if as_json:
        write_text(response.text)
    elif name:
        print_blueprint(response.fields(BLUEPRINT))
    else:
        print_blueprints(response.fields(page_of(BLUEPRINT)))


def schema(name: Annotated[str, typer.Argument(metavar="BLUEPRINT", help="The name of the blueprint.")]) -> None:
    """Print the JSON Schema of a blueprint's spec, for editors that validate specs."""
    with open_control_plane() as plane:
        published = plane.get(path_of("blueprints", name)).fields({}).get("parameters")
    if not isinstance(published, dict):
        raise ServerError(f"The control plane does not publish a schema for {name}.")
    write_text(document_text(published, indent=2))
