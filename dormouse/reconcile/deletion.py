"""The rules for what is deleted of an environment that has ended, right before it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dormouse.environments.operations import EnvironmentRecord
from dormouse.reconcile.azure_view import Recorded, SeenResource
from dormouse.reconcile.findings import FindingKind, Sighting
from dormouse.reconcile.orphans import DERIVED
from dormouse.reconcile.passes import FormerEnvironment, OrphanDeletion
from dormouse.resources.identity import ROLE_ASSIGNMENT
from dormouse.resources.plan import KEPT, Resource
from dormouse.resources.platform.custom_roles import CUSTOM_ROLE
from dormouse.resources.platform.existing_accounts import EXISTING_ACCOUNT
from dormouse.resources.registry import kind_of

# Types without tags: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-support
UNTAGGED = ("microsoft.authorization/", "microsoft.consumption/", "microsoft.insights/diagnosticsettings")
NOT_OURS = "{id} does not have the tags of the environment any more."
NEW = "{id} exists and was not found by two passes."
OTHER = "{id} was made again since it was found."
RECORDED = "The environment {name} is on record again."
OWNED = "{id} belongs to an environment on record."


def in_order(former: Sequence[FormerEnvironment]) -> list[Resource]:
    """All resources that the records of one name have had, each after those that it needs; the newest of an ID counts.

    Those that specs keep are left out. A name that two of them share stays with the newest: the other goes by its ID.
    """
    every: dict[str, Resource] = {}
    for one in sorted(former, key=lambda each: each.at):
        every |= {resource.id.lower(): resource for resource in one.resources if resource.id}
    found = {key: resource for key, resource in every.items() if not KEPT.items() <= resource.settings.items()}
    last = {resource.name: key for key, resource in found.items()}
    return [
        resource if last[resource.name] == key else replace(resource, name=resource.id) for key, resource in found.items()
    ]


def is_tagged(resource: Resource) -> bool:
    """Whether Azure shows tags of such a resource, and it was made by Dormouse."""
    kind = kind_of(resource)
    whole = kind.type.count("/") == 1 and not kind.type.lower().startswith(UNTAGGED)
    return whole and kind is not EXISTING_ACCOUNT


def is_role(resource: Resource) -> bool:
    """Whether it is a role assignment or a custom role, of which Azure says who has made it."""
    return resource.kind in (ROLE_ASSIGNMENT.name, CUSTOM_ROLE.name)


def objection_to_records(
    request: OrphanDeletion, environments: Sequence[EnvironmentRecord], unreadable: Mapping[str, str]
) -> str:
    """Why the environments on record keep orphans from being deleted, or ""; `unreadable` has the errors of some, by name.

    What cannot be read may name any role of which no identity is known to be gone.
    """
    owned = Recorded(environments).owned
    for one in request.orphans:
        if one.id.lower() in owned:
            return OWNED.format(id=one.id)
        if one.proof != DERIVED and one.environment in {record.name for record in environments}:
            return RECORDED.format(name=one.environment)
        of_any = one.kind in (FindingKind.ROLE_ASSIGNMENT, FindingKind.CUSTOM_ROLE) and one.proof != DERIVED
        if unreadable and (of_any or one.environment in unreadable):
            return f"{unreadable.get(one.environment) or next(iter(unreadable.values()))}."
    return ""


def objection_to(
    resource: Resource,
    seen: SeenResource,
    named: bool,  # noqa: FBT001 - what the tags say
    found: Mapping[str, Sighting],
    recorded: Sequence[Resource],
) -> str:
    """Why an existing resource of an environment that has ended keeps everything of it from being deleted, or "".

    `named` is whether its tags name the environment, `found` are the confirmed orphans by ID in lower case. What Azure makes
    along with another resource may have no tags: it goes with that.
    """
    confirmed = found.get(resource.id.lower())
    if confirmed is None:
        return "" if not named and not seen.tags and _is_implied(resource, recorded) else _missing(resource, named)
    if not named:
        return NOT_OURS.format(id=resource.id)
    return OTHER.format(id=resource.id) if seen.unique != confirmed.unique else ""


def _missing(resource: Resource, named: bool) -> str:  # noqa: FBT001 - what the tags say
    return (NEW if named else NOT_OURS).format(id=resource.id)


def _is_implied(resource: Resource, recorded: Sequence[Resource]) -> bool:
    implied = {one.id.lower() for each in recorded for one in kind_of(each).implied(each)}
    return resource.id.lower() in implied
