"""The ML workspace of a work package: clusters and datastores in a workspace that uses a shared environment."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.fields import WeeklyHours
from dormouse.blueprints.parts.ml_parts import HOST, Cluster, Datastore, containers_of
from dormouse.blueprints.parts.private_access import ENDPOINTS, links_in_parent
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.errors import Fault
from dormouse.idle.policy import IdlePolicy
from dormouse.resources.identity import STORAGE_BLOB_DATA_CONTRIBUTOR
from dormouse.resources.ml.access import GROUP, STORAGE_BLOB_DATA_READER, USER, access_for, access_of
from dormouse.resources.ml.clusters import ClusterSettings, ml_cluster
from dormouse.resources.ml.datastores import ml_datastore
from dormouse.resources.ml.image_builds import ml_image_build
from dormouse.resources.ml.workspaces import NO_ISOLATION, SharedParts, WorkspaceSettings, container_id, ml_workspace
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.platform.identities import user_assigned_identity
from dormouse.resources.platform.registries import ACR_PULL
from dormouse.resources.private_network.private_links import WORKSPACE, network_of_parent
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText
from dormouse.text.validators import Matching, Several

MOST_CLUSTERS, MOST_DATASTORES, MOST_PEOPLE, MOST_HOSTS = 10, 30, 20, 100
# What a workspace uses of a shared environment, by the names of the resources there.
STORAGE, DATA, VAULT, INSIGHTS, REGISTRY = "storage", "data", "vault", "insights", "healthy"
ROLE_DEFINITIONS = "/providers/microsoft.authorization/roledefinitions/"
PREMIUM = "Premium"
# Workspaces have these from the start. https://learn.microsoft.com/azure/machine-learning/concept-data
OWN_DATASTORES = ("workspaceblobstore", "workspacefilestore", "workspaceartifactstore", "workspaceworkingdirectory")

ENVIRONMENT = Matching(r"[a-z][a-z0-9-]{0,22}[a-z0-9]", "the name of an environment of the blueprint ml-shared")
OBJECT_ID = Matching(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "an object ID, such as 0d0e5e00-0000-4000-8000-0000000000a1"
)


class MLWorkspaceSpec(EnvironmentSpec):
    """A workspace of Azure Machine Learning with compute clusters and datastores, for one work package."""

    changeable: ClassVar[frozenset[str]] = EnvironmentSpec.changeable | {
        *(
            "title",
            "clusters",
            "datastores",
            "developers",
            "developer_groups",
            "image_build_cluster",
            "public_access",
            "fresh",
            "idle",
            "schedule",
        )
    }

    blueprint: Annotated[Literal["ml-workspace"], doc("The blueprint.", "ml-workspace")]
    shared: Annotated[
        str, ENVIRONMENT, doc("The environment of the blueprint `ml-shared` whose storage and registry it uses.", "mlshared")
    ]
    title: Annotated[
        PlainText, Field(max_length=128), doc("The name that people see; the name of the environment if left out.", "Vision")
    ] = ""
    clusters: Annotated[
        tuple[Cluster, ...],
        Field(min_length=1),
        Several(MOST_CLUSTERS),
        doc("Its compute clusters.", [{"name": "gpu", "size": "Standard_NC4as_T4_v3", "max_nodes": 4}]),
    ] = (Cluster(name="gpu"),)
    datastores: Annotated[
        tuple[Datastore, ...],
        Several(MOST_DATASTORES),
        doc("The containers of the shared data storage that it knows.", [{"name": "images", "container": "images"}]),
    ] = ()
    developers: Annotated[
        tuple[Annotated[str, OBJECT_ID], ...],
        Several(MOST_PEOPLE),
        doc("The object IDs of the users who work in it.", ["0d0e5e00-0000-4000-8000-0000000000a1"]),
    ] = ()
    developer_groups: Annotated[
        tuple[Annotated[str, OBJECT_ID], ...],
        Several(MOST_PEOPLE),
        doc("The object IDs of the groups whose members work in it.", ["0d0e5e00-0000-4000-8000-0000000000b1"]),
    ] = ()
    image_build_cluster: Annotated[
        str, doc("The cluster on which images are built; needed if the shared registry is private.", "cpu")
    ] = ""
    public_access: Annotated[
        bool,
        doc("Whether it can be reached without a private endpoint.", True),
    ] = True
    private_endpoint: Annotated[
        bool, doc("Whether it has a private endpoint in the private network of the shared environment.", False)
    ] = False
    isolation: Annotated[
        Literal["disabled", "internet", "approved"],
        doc(
            "The managed network of the clusters: `disabled` for none, `internet` if they may reach everything, `approved` "
            "if only Azure and `approved_hosts`.",
            "disabled",
        ),
    ] = "disabled"
    approved_hosts: Annotated[
        tuple[Annotated[str, HOST], ...],
        Several(MOST_HOSTS),
        doc(
            "The hosts that clusters may reach with the isolation `approved`; Azure bills a firewall for them.", ["pypi.org"]
        ),
    ] = ()
    fresh: Annotated[
        bool,
        doc("Whether a deleted workspace of this name, which could be recovered, is purged with all its data.", False),
    ] = False
    idle: Annotated[
        IdlePolicy | None, doc("When a cluster that holds nodes counts as idle; null for the default.", {"window": "45m"})
    ] = None
    schedule: Annotated[
        WeeklyHours,
        doc(
            "The weekly hours after which clusters give back idle nodes; empty for none.",
            "mon-fri 08:00-19:00 Europe/Berlin",
        ),
    ] = ""

    def misfits(self) -> Sequence[Fault]:
        """The faults of names that are used twice, and of networks that do not fit together."""
        return [*super().misfits(), *self._names(), *self._networks()]

    def _names(self) -> Iterator[Fault]:
        for field, found in (
            ("clusters", [one.name for one in self.clusters]),
            ("datastores", [one.name for one in self.datastores]),
            ("developers", list(self.developers)),
            ("developer_groups", list(self.developer_groups)),
        ):
            for name in [name for name, count in Counter(found).items() if count > 1]:
                yield Fault(f"/{field}", f"has {name} twice")
        for place, one in enumerate(self.datastores):
            if one.name in OWN_DATASTORES:
                yield Fault(f"/datastores/{place}/name", f"{one.name} is a datastore that every workspace has already")
        if self.image_build_cluster not in ("", *(one.name for one in self.clusters)):
            yield Fault("/image_build_cluster", f"{self.image_build_cluster} is not the name of one of its clusters")

    def _networks(self) -> Iterator[Fault]:
        if self.approved_hosts and self.isolation != "approved":
            detail = f"is used with the isolation `approved` only; with `{self.isolation}` Azure accepts no rules for hosts"
            yield Fault("/approved_hosts", detail)
        for place, one in enumerate(self.clusters):
            if one.subnet and self.isolation != NO_ISOLATION:
                detail = (
                    "clusters in a managed network have no subnet of their own; leave it out, or use `isolation: disabled`"
                )
                yield Fault(f"/clusters/{place}/subnet", detail)


def ml_workspace_of(spec: MLWorkspaceSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """A workspace on shared parts, an identity for its clusters, and the roles of both and of people; keys open nothing."""
    ids = {name: outputs["id"] for name, outputs in target.parents[spec.shared].items()}
    parts = SharedParts(ids[STORAGE], ids[VAULT], ids[INSIGHTS], ids[REGISTRY])
    settings = WorkspaceSettings(spec.title, spec.public_access, spec.isolation, spec.approved_hosts, spec.fresh)
    workspace, identity = ml_workspace(target, parts, settings), user_assigned_identity(target, "clusters")
    roles = list(_roles_of_identities(spec, target, ids, workspace, identity))
    needed = tuple(one.name for one in roles if one.name.startswith("clusters-"))
    clusters = [
        ml_cluster(target, workspace, ClusterSettings(**one.model_dump()), identity, needed, place)
        for place, one in enumerate(spec.clusters)
    ]
    builders = [one for one in clusters if name_of(one.id) == spec.image_build_cluster]
    return [
        resource_group(target),
        identity,
        workspace,
        *roles,
        *(
            ml_datastore(workspace, one.name, ids[DATA], one.container, identity.id, place)
            for place, one in enumerate(spec.datastores)
        ),
        *clusters,
        *(ml_image_build(workspace, one, spec.image_build_cluster) for one in builders),
        *_roles_of_people(spec, target, ids, workspace),
        *(links_in_parent(target, workspace, (WORKSPACE,), spec.shared) if spec.private_endpoint else ()),
    ]


def _roles_of_identities(
    spec: MLWorkspaceSpec, target: DeploymentTarget, ids: Mapping[str, str], workspace: Resource, identity: Resource
) -> Iterator[Resource]:
    for label, one in (("workspace", workspace), ("clusters", identity)):
        yield access_of(target, f"{label}-storage", STORAGE_BLOB_DATA_CONTRIBUTOR, one, ids[STORAGE], within=workspace)
        for container, writable in containers_of(spec.datastores).items():
            role = STORAGE_BLOB_DATA_CONTRIBUTOR if writable and one is identity else STORAGE_BLOB_DATA_READER
            yield access_of(target, f"{label}-data-{container}", role, one, container_id(ids[DATA], container))
    yield access_of(target, "clusters-registry", ACR_PULL, identity, ids[REGISTRY])


def _roles_of_people(
    spec: MLWorkspaceSpec, target: DeploymentTarget, ids: Mapping[str, str], workspace: Resource
) -> Iterator[Resource]:
    """The role of developers on this workspace; what they may do with shared parts, the shared environment decides.

    There, Azure would take one assignment of a role to a person only, and not one for each workspace.
    """
    developer = name_of(next(one for one in ids.values() if ROLE_DEFINITIONS in one.lower()))
    people = [(one, USER) for one in spec.developers] + [(one, GROUP) for one in spec.developer_groups]
    for principal, kind in people:
        yield access_for(target, f"developer-{principal}", developer, (principal, kind), workspace)


def _unsuitable(spec: MLWorkspaceSpec, target: DeploymentTarget) -> Iterator[Fault]:
    """The faults of a shared environment that lacks what a workspace uses, and of a private registry.

    Azure's own builder cannot reach a private registry, and only the SKU Premium has private endpoints.
    https://learn.microsoft.com/azure/machine-learning/how-to-secure-workspace-vnet
    """
    shared = target.parents.get(spec.shared, {})
    missing = [name for name in (STORAGE, DATA, VAULT, INSIGHTS, REGISTRY) if name not in shared]
    if not any(ROLE_DEFINITIONS in one["id"].lower() for one in shared.values()):
        missing.append("role of model developers")
    if missing:
        words = f"{spec.shared!r} is not an environment of the blueprint ml-shared, or is incomplete: it lacks"
        yield Fault("/shared", f"{words} {', '.join(missing)}")
        return
    if spec.private_endpoint and network_of_parent(shared, spec.shared, ENDPOINTS) is None:
        yield Fault("/private_endpoint", f"{spec.shared!r} has no private network in which the endpoint could be")
    registry = shared[REGISTRY]
    if registry.get("public", "true") == "true":
        return
    if registry.get("sku") != PREMIUM:
        detail = f"the registry of {spec.shared!r} is private, which needs the SKU {PREMIUM}, and has {registry.get('sku')}"
        yield Fault("/shared", detail)
    if not spec.image_build_cluster:
        names = ", ".join(one.name for one in spec.clusters)
        detail = f"is required, because the registry of {spec.shared!r} is private; name one of its clusters: {names}"
        yield Fault("/image_build_cluster", detail)


BLUEPRINT = Blueprint(
    "ml-workspace",
    MLWorkspaceSpec,
    ml_workspace_of,
    depends_on=lambda spec: (spec.shared,),
    unsuitable=lambda spec, target: tuple(_unsuitable(spec, target)),
)
