"""Names of a deployment's resources, and the parts of resource IDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.resources.naming import (
    DEFAULT_DEPLOYMENT,
    group_of,
    name_of,
    secret_name,
    subscription_of,
    type_of,
    ulid_in_secret,
    unique_name,
)
from tests.unit.builders import SUBSCRIPTION, ULID

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dormouse-ml1"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm-ml1"
ENVIRONMENTS = st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,6}){0,2}", fullmatch=True)


@pytest.mark.parametrize(
    ("identifier", "group", "name", "kind"),
    [
        (VM, "rg-dormouse-ml1", "vm-ml1", "microsoft.compute/virtualmachines"),
        (VM.replace("resourceGroups", "RESOURCEGROUPS"), "rg-dormouse-ml1", "vm-ml1", "microsoft.compute/virtualmachines"),
        (f"{VM}/extensions/driver", "rg-dormouse-ml1", "driver", "microsoft.compute/virtualmachines/extensions"),
        (
            f"{GROUP}/providers/Microsoft.Storage/storageAccounts/st1/blobServices/default/containers/data",
            "rg-dormouse-ml1",
            "data",
            "microsoft.storage/storageaccounts/blobservices/containers",
        ),
        (
            f"{VM}/providers/Microsoft.Authorization/roleAssignments/abc",
            "rg-dormouse-ml1",
            "abc",
            "microsoft.authorization/roleassignments",
        ),
    ],
)
def test_a_resource_id_has_a_group_a_name_and_a_type(identifier: str, group: str, name: str, kind: str) -> None:
    assert (group_of(identifier), name_of(identifier), type_of(identifier)) == (group, name, kind)
    assert subscription_of(identifier) == SUBSCRIPTION


def test_a_group_is_in_itself_and_a_secret_is_in_no_group() -> None:
    assert (group_of(GROUP), name_of(GROUP)) == ("rg-dormouse-ml1", "rg-dormouse-ml1")
    assert (group_of("secrets/dormouse-ml1"), subscription_of("secrets/dormouse-ml1")) == ("", "")
    assert (group_of(""), name_of(""), subscription_of("")) == ("", "", "")


@given(ENVIRONMENTS, st.sampled_from([DEFAULT_DEPLOYMENT, "prod"]), st.sampled_from(["", "vm-a", "storage"]))
def test_the_operation_that_created_a_secret_is_in_its_name(environment: str, deployment: str, resource: str) -> None:
    secret = secret_name(deployment, environment, ULID, resource)
    assert ulid_in_secret(deployment, environment, secret) == ULID
    assert secret == secret.lower()


@pytest.mark.parametrize(
    "secret", ["", "dormouse-ml1-", f"dormouse-ml2-{ULID}", f"dormouse-ml1-{ULID[:-1]}", "dormouse-ml1-" + "u" * 26]
)
def test_a_secret_of_others_has_no_operation_of_ours(secret: str) -> None:
    assert ulid_in_secret(DEFAULT_DEPLOYMENT, "ml1", secret) == ""


@given(ENVIRONMENTS, ENVIRONMENTS)
def test_unique_names_fit_every_service_and_differ_by_scope(environment: str, other: str) -> None:
    name = unique_name("st", environment, f"/scope/{environment}")
    assert name.isalnum()
    assert name == name.lower()
    assert len(name) <= 24
    assert name == unique_name("st", environment, f"/SCOPE/{environment.upper()}")
    assert (name == unique_name("st", other, f"/scope/{other}")) == (environment == other)
