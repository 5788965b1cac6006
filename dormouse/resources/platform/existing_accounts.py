"""Storage accounts that exist already and that a spec names: they are used, and never changed or deleted."""

from dormouse.resources.kinds import Observed, Outputs, ResourceKind, always_as_put
from dormouse.resources.plan import KEPT, Resource
from dormouse.resources.storage import API_VERSION

# Machine Learning takes no other: https://learn.microsoft.com/azure/machine-learning/concept-workspace#associated-resources
STORAGE_V2 = "StorageV2"


def existing_account(identifier: str, name: str) -> Resource:
    """An account by its resource ID, under the name of the account that the plan would create otherwise."""
    return Resource(name, EXISTING_ACCOUNT.name, identifier, settings=KEPT)


def fits(observed: Observed) -> bool:
    """Whether Machine Learning can use an account."""
    return str(observed.get("kind", "")) == STORAGE_V2


def _outputs(observed: Observed) -> Outputs:
    return {"id": str(observed["id"])}


EXISTING_ACCOUNT = ResourceKind(
    "existing_account",
    api_version=API_VERSION,
    diff=always_as_put,
    outputs=_outputs,
    checks=("accounts_fit",),
    actions=("Microsoft.Storage/storageAccounts/read",),
)
