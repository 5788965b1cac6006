"""The role of model developers: each of its actions is allowed, and each call that it must not allow is refused.

The simulated Azure checks requests as those of the control plane's identity; here that has this role only, on a group.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dormouse.resources.platform.model_developers import MODEL_DEVELOPER
from local.azure.core import versions
from local.azure.core.world import SUBSCRIPTION
from local.azure.services.authorization.assignments import Assignment, assign
from tests.contract.azure import Azure

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml"
ML = "Microsoft.MachineLearningServices/workspaces"
STORAGE, REGISTRY = "Microsoft.Storage/storageAccounts", "Microsoft.ContainerRegistry/registries"
VERBS = {"read": "GET", "write": "PUT", "delete": "DELETE"}
ALLOWED = (
    f"{ML}/read",
    f"{ML}/computes/read",
    f"{ML}/datastores/read",
    # What submitting a job needs, and what notebooks do: https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles
    f"{ML}/jobs/write",
    f"{ML}/jobs/cancel/action",
    f"{ML}/jobs/delete",
    f"{ML}/environments/write",
    f"{ML}/environments/build/action",
    f"{ML}/environments/readSecrets/action",
    f"{ML}/models/versions/write",
    f"{ML}/models/versions/delete",
    f"{ML}/computes/start/action",
    f"{ML}/computes/stop/action",
    f"{STORAGE}/read",
    f"{STORAGE}/blobServices/containers/read",
    f"{REGISTRY}/read",
    "Microsoft.Insights/components/read",
)
DENIED = (
    f"{ML}/write",
    f"{ML}/delete",
    f"{ML}/computes/write",
    f"{ML}/computes/delete",
    f"{ML}/computes/listKeys/action",
    f"{ML}/listKeys/action",
    f"{ML}/listStorageAccountKeys/action",
    f"{ML}/connections/listsecrets/action",
    f"{ML}/datastores/write",
    f"{ML}/datastores/delete",
    f"{ML}/hubs/write",
    f"{ML}/featurestores/write",
    f"{STORAGE}/write",
    f"{STORAGE}/delete",
    f"{STORAGE}/listKeys/action",
    f"{STORAGE}/blobServices/containers/write",
    f"{STORAGE}/blobServices/containers/delete",
    f"{REGISTRY}/write",
    f"{REGISTRY}/delete",
    f"{REGISTRY}/listCredentials/action",
    f"{REGISTRY}/importImage/action",
    "Microsoft.Insights/components/write",
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.OperationalInsights/workspaces/read",
)


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    azure = Azure(Path(tmp_path_factory.mktemp("azure")))
    azure.manage("PUT", f"{GROUP}?api-version=2024-03-01", {"location": "westeurope"})
    role = Assignment(tuple(MODEL_DEVELOPER.actions), tuple(MODEL_DEVELOPER.not_actions), GROUP)
    assign(azure.world, [role])
    yield azure
    azure.close()


def refused(azure: Azure, action: str) -> bool:
    """Whether the request that needs an action is refused for want of a right; the resource need not exist."""
    provider, *types, verb = action.split("/")
    path = f"{GROUP}/providers/{provider}"
    named = types[:-1] if verb == "action" else types
    path += "".join(f"/{kind}/{'default' if kind == 'blobServices' else 'one'}" for kind in named)
    path += f"/{types[-1]}" if verb == "action" else ""
    version = max(one for one in versions.KNOWN[f"{provider}/{types[0]}".lower()] if "preview" not in one)
    answer = azure.manage(VERBS.get(verb, "POST"), f"{path}?api-version={version}", {} if verb != "read" else None)
    error = (answer.body or {}).get("error", {})
    assert error.get("code") not in ("NoRegisteredProviderFound", "InvalidApiVersionParameter")
    assert error.get("code") != "AuthorizationFailed" or f"'{action}'" in error["message"], "another action was checked"
    return bool(error.get("code") == "AuthorizationFailed")


@pytest.mark.parametrize("action", ALLOWED)
def test_a_model_developer_may(azure: Azure, action: str) -> None:
    assert not refused(azure, action)


@pytest.mark.parametrize("action", DENIED)
def test_a_model_developer_may_not(azure: Azure, action: str) -> None:
    assert refused(azure, action)


def test_every_part_of_the_role_has_a_call_that_needs_it() -> None:
    """Without any one of its actions or exceptions, one of the calls above would come out otherwise."""

    def outcome(actions: tuple[str, ...], exceptions: tuple[str, ...]) -> list[bool]:
        role = Assignment(actions, exceptions, GROUP)
        return [role.allows(action, GROUP) for action in (*ALLOWED, *DENIED, *ELSEWHERE)]

    actions, exceptions = tuple(MODEL_DEVELOPER.actions), tuple(MODEL_DEVELOPER.not_actions)
    whole = outcome(actions, exceptions)
    spare = [one for one in actions if outcome(tuple(a for a in actions if a != one), exceptions) == whole]
    more = [one for one in exceptions if outcome(actions, tuple(e for e in exceptions if e != one)) == whole]
    assert spare == []
    # The patterns of the actions do not reach these; the built-in role excepts them, too.
    assert more == [f"{ML}/delete", f"{ML}/write", "Microsoft.Authorization/*"]


# Rights that Resource Manager does not check under these names in a request of its own.
ELSEWHERE = (
    f"{REGISTRY}/pull/read",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    f"{ML}/computes/nodes/write",
    f"{ML}/computes/nodes/delete",
)
