"""The command that lists what exists without a record, or is recorded and gone."""

from dormouse_cli.client import open_control_plane
from dormouse_cli.options import AsJson
from dormouse_cli.output import write_text
from dormouse_cli.render.orphans import print_orphans
from dormouse_cli.shapes import FINDINGS


def orphans(*, as_json: AsJson = False) -> None:
    """List what exists without an environment, and environments and locks that are out of step, with what will be done."""
    with open_control_plane() as plane:
        response = plane.get_all("/reconcile")
    if as_json:
        write_text(response.text)
    else:
        print_orphans(response.fields(FINDINGS))
