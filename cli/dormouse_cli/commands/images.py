"""Commands about images in container registries."""

from typing import Annotated, Any

import typer

from dormouse_cli.client import open_control_plane, path_of
from dormouse_cli.errors import Unsuccessful
from dormouse_cli.options import AsJson, DryRun, Every, Name, Wait
from dormouse_cli.output import print_lines
from dormouse_cli.polling import handle_response
from dormouse_cli.shapes import PROMOTED_IMAGE


def promote_image(
    name: Name,
    image: Annotated[
        str,
        typer.Argument(metavar="IMAGE", help="REPOSITORY:TAG, or REPOSITORY:TAG@sha256:… to promote exactly this digest."),
    ],
    *,
    source: Annotated[str, typer.Option("--from", metavar="REGISTRY", help="The registry that has the image.")] = "staging",
    target: Annotated[str, typer.Option("--to", metavar="REGISTRY", help="The registry that gets it.")] = "healthy",
    force: Annotated[bool, typer.Option("--force", help="Replace the tag if it exists with another digest.")] = False,
    wait: Wait = False,
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Copy an image from one container registry of an environment to another, by its digest."""
    with open_control_plane() as plane:
        body = {"image": image, "source": source, "target": target, "force": force}
        response = plane.command("POST", path_of("environments", name, "promote-image"), body, dry_run=dry_run)
        handle_response(plane, response, wait=wait, every=every, as_json=as_json, print_unchanged=_print_there)
    if response.fields({}).get("refusals") and not response.accepted:
        raise Unsuccessful("" if as_json else "This promotion would be refused.")


def _print_there(answer: dict[str, Any]) -> None:
    image = {name: answer.get(name) for name in PROMOTED_IMAGE}
    print_lines("{target} has {image} already, with the same digest {digest}; nothing was changed.".format(**image))
