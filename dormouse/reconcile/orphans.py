"""The rules that tell an orphan: it bears our tags or was made by us, and no recorded environment has it."""

import re
from collections.abc import Iterable, Iterator, Mapping

from dormouse.reconcile.azure_view import AzureView, Recorded, SeenAssignment, SeenResource
from dormouse.reconcile.findings import FindingKind, Sighting
from dormouse.reconcile.passes import FormerEnvironment
from dormouse.resources.compute.machines import DEPLOYMENT_TAG, ENVIRONMENT_NAME, ENVIRONMENT_TAG
from dormouse.resources.identity import ROLE_ASSIGNMENT, assignment_id
from dormouse.resources.keyvault import SECRETS
from dormouse.resources.naming import DEFAULT_DEPLOYMENT, group_name, group_of, name_of
from dormouse.resources.plan import KEPT, Resource
from dormouse.resources.platform.custom_roles import CUSTOM_ROLE

# How Dormouse names its custom roles: the title, then deployment, environment and subscription.
TITLE = re.compile(
    r".*\((?:(?P<deployment>[a-z][a-z0-9]{1,7}), )?(?P<environment>[a-z][a-z0-9-]*), (?P<sub>[0-9a-f-]{36})\)"
)
TAGGED = "Its tags name the environment {environment}, of which there is no record"
RECORDED = "The record of {environment}, which {operation} ended, named it"
ROLE_GONE = "The identity that it was assigned to does not exist any more"
ENDED = "It was assigned for the environment {environment}, of which there is no record"
DERIVED = "Its creator is the control plane, and its name follows from scope, role and principal as only Dormouse derives it"
NO_ROLE_ENVIRONMENT = "It is the custom role of the environment {environment}, of which there is no record"
VAULT = (
    "The deleted key vault reserves its name until {until}. A new environment {environment} recovers it; "
    "`dormouse rm {environment} --purge` purges it"
)


class FormerResources:
    """The resources of environments that have ended, by their IDs; the newest record of an ID counts."""

    def __init__(self, former: Iterable[FormerEnvironment]) -> None:
        """Look up in these."""
        self._by_id: dict[str, tuple[FormerEnvironment, Resource]] = {}
        for one in sorted(former, key=lambda each: each.at):
            for resource in one.resources:
                if resource.id:
                    self._by_id[resource.id.lower()] = (one, resource)

    def of(self, identifier: str) -> tuple[FormerEnvironment, Resource] | None:
        """The environment that had a resource, and the resource as it was recorded, or None."""
        return self._by_id.get(identifier.lower())

    def is_kept(self, identifier: str) -> bool:
        """Whether a spec has kept a resource when its environment ended."""
        known = self.of(identifier)
        return known is not None and KEPT.items() <= known[1].settings.items()

    def groups_of_kept(self, seen: Iterable[SeenResource]) -> frozenset[str]:
        """The resource groups, by their IDs in lower case, that exist for those of these resources that specs have kept."""
        kept = (one.id.lower() for one in seen if self.is_kept(one.id))
        return frozenset(identifier.partition("/providers/")[0] for identifier in kept)


def environment_in(tags: Mapping[str, str], deployment: str) -> str:
    """The environment of this deployment in some tags, or ""; tags without a deployment name none."""
    written = {name.lower(): value for name, value in tags.items()}
    name = written.get(ENVIRONMENT_TAG, "")
    return name if written.get(DEPLOYMENT_TAG) == deployment and ENVIRONMENT_NAME.fullmatch(name) else ""


def orphans_in(view: AzureView, recorded: Recorded) -> list[Sighting]:
    """Everything that no recorded environment has, of all kinds that could be read."""
    former, owned = FormerResources(recorded.former), recorded.owned
    found = [
        *_resources(view, recorded, former, owned),
        *_secrets(view, recorded, former, owned),
        *_assignments(view, recorded, former, owned),
        *_roles(view, recorded, former, owned),
        *_vaults(view, recorded),
    ]
    return list({one.key: one for one in found}.values())


def sighting_of_resource(seen: SeenResource, view: AzureView, former: FormerResources) -> Sighting | None:
    """An orphaned resource, or None if its tags name no environment of this deployment or a spec has kept it."""
    environment = environment_in(seen.tags, view.deployment)
    if not environment:
        return None
    if former.is_kept(seen.id):
        return None
    known = former.of(seen.id)
    mine = known if known and known[0].name == environment else None
    why = TAGGED.format(environment=environment)
    return _sighting(FindingKind.RESOURCE, seen.id, environment, why, mine, seen.unique, seen.region)


def _resources(view: AzureView, recorded: Recorded, former: FormerResources, owned: frozenset[str]) -> Iterator[Sighting]:
    kept = owned | former.groups_of_kept(view.resources or ())
    for seen in view.resources or ():
        sighting = None if seen.id.lower() in kept else sighting_of_resource(seen, view, former)
        if sighting and sighting.environment not in recorded.names:
            yield sighting


def _secrets(view: AzureView, recorded: Recorded, former: FormerResources, owned: frozenset[str]) -> Iterator[Sighting]:
    for name, tags in (view.secrets or {}).items():
        environment, identifier = environment_in(tags, view.deployment), f"{SECRETS}{name}"
        if environment and environment not in recorded.names and identifier.lower() not in owned:
            known = former.of(identifier)
            mine = known if known and known[0].name == environment else None
            yield _sighting(FindingKind.SECRET, identifier, environment, TAGGED.format(environment=environment), mine)


def _assignments(view: AzureView, recorded: Recorded, former: FormerResources, owned: frozenset[str]) -> Iterator[Sighting]:
    for one in view.assignments or ():
        if one.id.lower() not in owned and view.own_principal and one.created_by == view.own_principal:
            sighting = _assignment(one, view, recorded, former)
            if sighting:
                yield sighting


def _assignment(one: SeenAssignment, view: AzureView, recorded: Recorded, former: FormerResources) -> Sighting | None:
    """An assignment of ours whose environment has ended, or whose identity is gone, as far as that is proven."""
    known, unique = former.of(one.id), one.unique
    if known and known[0].name not in recorded.names:
        why = ENDED.format(environment=known[0].name)
        return _sighting(FindingKind.ROLE_ASSIGNMENT, one.id, known[0].name, why, known, unique)
    derived = assignment_id(one.scope, one.principal, _role_in(one, view)).lower() == one.id.lower()
    ours = derived and one.principal_type == "ServicePrincipal" and one.principal != view.own_principal
    if not ours or view.identities is None or view.hidden or one.principal in view.identities:
        return None
    resource = Resource(name_of(one.id), ROLE_ASSIGNMENT.name, one.id)
    environment = _environment_of_group(group_of(one.scope), view.deployment)
    return Sighting(FindingKind.ROLE_ASSIGNMENT, one.id, environment, ROLE_GONE, DERIVED, unique, resource=resource)


def _role_in(one: SeenAssignment, view: AzureView) -> str:
    return f"/subscriptions/{view.subscription}/providers/Microsoft.Authorization/roleDefinitions/{one.role}"


def _roles(view: AzureView, recorded: Recorded, former: FormerResources, owned: frozenset[str]) -> Iterator[Sighting]:
    for role in view.roles or ():
        match = TITLE.fullmatch(role.title)
        ours = view.own_principal and role.created_by == view.own_principal
        if not match or not ours or role.id.lower() in owned:
            continue
        environment = match["environment"]
        if (match["deployment"] or DEFAULT_DEPLOYMENT) == view.deployment and environment not in recorded.names:
            known, why = former.of(role.id), NO_ROLE_ENVIRONMENT.format(environment=environment)
            mine = known if known and known[1].kind == CUSTOM_ROLE.name else None
            yield _sighting(FindingKind.CUSTOM_ROLE, role.id, environment, why, mine, role.created_on)


def _vaults(view: AzureView, recorded: Recorded) -> Iterator[Sighting]:
    for vault in view.deleted_vaults or ():
        identifier = str(vault["vaultId"])
        environment = _environment_of_group(group_of(identifier), view.deployment)
        if environment and environment not in recorded.names:
            why = VAULT.format(environment=environment, until=vault.get("scheduledPurgeDate") or "it is purged")
            region, deleted = str(vault.get("location") or ""), str(vault.get("deletionDate") or "")
            yield Sighting(FindingKind.SOFT_DELETED, identifier, environment, why, "", deleted, region)


def _environment_of_group(group: str, deployment: str) -> str:
    """The environment whose resource group has this name, or ""."""
    name = group.lower().removeprefix(group_name(deployment, ""))
    # Two hyphens in a row separate the ID of another deployment from the name of its environment.
    named = ENVIRONMENT_NAME.fullmatch(name) and "--" not in name
    return name if named and group.lower() == group_name(deployment, name) else ""


def _sighting(
    kind: FindingKind,
    identifier: str,
    environment: str,
    why: str,
    known: tuple[FormerEnvironment, Resource] | None,
    unique: str = "",
    region: str = "",
) -> Sighting:
    proof = RECORDED.format(environment=environment, operation=known[0].operation) if known else ""
    resource = known[1] if known else None
    return Sighting(
        kind, identifier, environment, why, proof, unique, region or (known[0].region if known else ""), resource
    )
