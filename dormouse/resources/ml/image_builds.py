"""Where a workspace builds images: on one of its clusters, because Azure's own builder cannot reach a private registry.

https://learn.microsoft.com/azure/machine-learning/how-to-secure-workspace-vnet (Azure Container Registry)
"""

from dormouse.resources.kinds import NONE, UPDATE, Change, Observed, ResourceKind
from dormouse.resources.ml.workspaces import ML_WORKSPACE
from dormouse.resources.plan import WITHDRAWN, Resource

PROPERTY = "imageBuildCompute"


def ml_image_build(workspace: Resource, cluster: Resource, name: str) -> Resource:
    """The setting of a workspace that names the cluster, which must exist by then."""
    return Resource(
        "image-build",
        ML_IMAGE_BUILD.name,
        f"{workspace.id}#{PROPERTY}",
        {"properties": {PROPERTY: name}},
        dict(WITHDRAWN),
        needs=(workspace.name, cluster.name),
        contained_in=workspace.name,
    )


def workspace_of(resource: Resource) -> Resource:
    """The workspace whose setting it is."""
    return Resource("workspace", ML_WORKSPACE.name, resource.id.partition("#")[0])


def _drift(resource: Resource, observed: Observed) -> Change:
    return NONE if observed.get(PROPERTY) == resource.body["properties"][PROPERTY] else UPDATE


def _label(resource: Resource) -> str:
    return f"image builds of {resource.id.partition('#')[0]}"


ML_IMAGE_BUILD: ResourceKind = ResourceKind("ml_image_build", diff=_drift, label=_label)
