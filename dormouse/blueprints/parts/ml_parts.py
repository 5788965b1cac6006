"""The parts of the spec of an ML workspace: its clusters and its datastores."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from dormouse.blueprints.fields import Container, Size
from dormouse.blueprints.spec import Part
from dormouse.text.doc import doc
from dormouse.text.validators import Matching

MOST_NODES, LONGEST_IDLE = 100, 1440
CLUSTER_NAME = Matching(
    r"[a-z](?:-?[a-z0-9]){2,15}",
    "3 to 16 lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen",
)
DATASTORE_NAME = Matching(
    r"[a-z][a-z0-9_]{2,62}", "3 to 63 lower-case letters, digits and underscores, starting with a letter"
)
SUBNET = Matching(
    r"(?:(?i:/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.Network/virtualNetworks/)"
    r"[\w.-]{2,64}(?i:/subnets/)[\w.-]{1,80})?",
    "the resource ID of a subnet, /subscriptions/…/Microsoft.Network/virtualNetworks/NAME/subnets/NAME, or empty",
)
HOST = Matching(
    r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", "a host name, such as pypi.org or *.pythonhosted.org"
)


class Cluster(Part):
    """A compute cluster, which has no nodes while nothing runs on it."""

    name: Annotated[str, CLUSTER_NAME, doc("The name of the cluster.", "gpu")]
    size: Annotated[Size, doc("The VM size of its nodes.", "Standard_NC4as_T4_v3")] = "Standard_NC4as_T4_v3"
    max_nodes: Annotated[int, Field(ge=1, le=MOST_NODES), doc("How many nodes it may have at once.", 4)] = 4
    idle_minutes: Annotated[
        int, Field(ge=2, le=LONGEST_IDLE), doc("After how many minutes without a run a node is given back.", 10)
    ] = 10
    priority: Annotated[
        Literal["dedicated", "low"],
        doc("`low`: its nodes cost less, and Azure may take them away while they run something.", "dedicated"),
    ] = "dedicated"
    subnet: Annotated[
        str,
        SUBNET,
        doc("The resource ID of the subnet of its nodes, which then have no public address; empty for none.", ""),
    ] = ""


class Datastore(Part):
    """A blob container of the shared data storage that the workspace knows by a name."""

    name: Annotated[str, DATASTORE_NAME, doc("The name of the datastore.", "images")]
    container: Annotated[Container, doc("The container, which must exist.", "images")]
    writable: Annotated[bool, doc("Whether runs may write to it.", False)] = False


def containers_of(datastores: Iterable[Datastore]) -> dict[str, bool]:
    """The containers of datastores, and whether runs may write to each."""
    found: dict[str, bool] = {}
    for one in datastores:
        found[one.container] = found.get(one.container, False) or one.writable
    return found
