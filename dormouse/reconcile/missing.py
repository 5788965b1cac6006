"""The rule that tells an environment which was deleted by hand: it is recorded, and its resource group does not exist."""

from collections.abc import Iterator

from dormouse.environments.operations import EnvironmentRecord
from dormouse.reconcile.azure_view import AzureView, Recorded
from dormouse.reconcile.findings import FindingKind, Sighting
from dormouse.resources.registry import is_group

GONE = (
    "Its resource group does not exist any more: it was deleted outside Dormouse. Owner: {owner}. Apply its spec again to "
    "build it, or remove the record with `dormouse rm {name}`"
)


def group_ids(record: EnvironmentRecord) -> list[str]:
    """The IDs of the resource groups that an environment has for itself, in lower case."""
    return [one.id.lower() for one in record.resources if is_group(one) and one.id and not one.contained_in]


def candidates(view: AzureView, recorded: Recorded) -> Iterator[EnvironmentRecord]:
    """The environments of which Resource Graph shows no group, if it hides nothing; each must be asked for by itself."""
    if view.groups is None or view.hidden:
        return
    for record in recorded.environments:
        groups = group_ids(record)
        if groups and record.name not in recorded.locked and not view.groups & set(groups):
            yield record


def missing_in(view: AzureView, recorded: Recorded) -> list[Sighting]:
    """The environments whose group does not exist, as Azure Resource Manager itself has answered (`absent_groups`)."""
    return [
        Sighting(
            FindingKind.MISSING_ENVIRONMENT,
            record.name,
            record.name,
            GONE.format(owner=record.owner or "unknown", name=record.name),
            unique=record.operation,
            region=record.region,
        )
        for record in candidates(view, recorded)
        if view.absent_groups >= set(group_ids(record))
    ]
