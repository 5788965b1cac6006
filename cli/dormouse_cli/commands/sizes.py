"""The command that lists VM sizes."""

from typing import Annotated

import typer

from dormouse_cli.client import open_control_plane
from dormouse_cli.options import AsJson
from dormouse_cli.output import write_text
from dormouse_cli.render.sizes import print_sizes
from dormouse_cli.shapes import SIZE, page_of


def sizes(
    region: Annotated[str, typer.Argument(metavar="REGION", help="The Azure region, such as polandcentral.")],
    *,
    gpu: Annotated[str, typer.Option("--gpu", "-g", help="Only this GPU: a model such as A100, any, or none.")] = "",
    max_price: Annotated[str, typer.Option("--max-price", help="Only sizes up to this price per hour, in USD.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=2000, help="Show at most so many sizes.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the VM sizes of a region, cheapest first, with prices, zones and the quota that is left."""
    asked = (("region", region), ("gpu", gpu), ("max_price", max_price))
    with open_control_plane() as plane:
        response = plane.get_all("/sizes", {key: value for key, value in asked if value}, limit=limit)
    if as_json:
        write_text(response.text)
    else:
        print_sizes(response.fields(page_of(SIZE)))
