"""The app's rights in Azure are those of infra/: compared as they are defined, and tried as the app's own identity."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from release.arm import Arm, CheckFailed
from release.deployment import Deployment
from release.permissions import BUILT_IN, FORBIDDEN, ROLES, allows, custom_role
from release.probe import PROBES, probe
from release.roles import compare
from tests.release.resource_manager import GROUP, INFRA, ROOT, STORAGE, SUBSCRIPTION, ResourceManager, condition
from tests.support import AzureSide

DEFINITIONS = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions"
READER = BUILT_IN["Reader"]


def test_the_roles_of_a_deployment_are_as_written(arm: Arm, deployment: Deployment) -> None:
    assert list(compare(arm, deployment)) == [
        "5 role assignments and 5 role definitions are as infra/ says",
        f"none of {len(FORBIDDEN)} dangerous actions is allowed",
    ]


def sweep(manager: ResourceManager) -> dict[str, list[str]]:
    permission: dict[str, list[str]] = manager.definitions[f"{DEFINITIONS}/sweep"]["permissions"][0]
    return permission


def widen(manager: ResourceManager) -> None:
    manager.define("Owner", "owner", ["*"], "BuiltInRole")
    manager.assign("owner")


def provision(manager: ResourceManager, **more: str) -> None:
    manager.assignments[-1].update(more)


SWEEP = custom_role("sweep", "int", SUBSCRIPTION)
CHANGES: list[tuple[str, Callable[[ResourceManager], object]]] = [
    ("does not allow Microsoft.Compute/virtualMachines/start/action", lambda m: sweep(m)["actions"].pop()),
    ("also allows Microsoft.Compute/virtualMachines/delete", lambda m: sweep(m)["actions"].append(PROBES[1].action)),
    (f"{SWEEP} has notActions", lambda m: sweep(m)["notActions"].append("*/read")),
    (f"{SWEEP} has dataActions", lambda m: sweep(m)["dataActions"].append("*")),
    ("can be assigned on /", lambda m: m.definitions[f"{DEFINITIONS}/sweep"].update(assignableScopes=["/"])),
    ("the app has the role Owner on /subscriptions/", widen),
    ("the app may do Microsoft.Web/sites/write", lambda m: sweep(m)["actions"].append("Microsoft.Web/*")),
    (
        "has the role Reader on /providers/Microsoft.Management",
        lambda m: m.assign(READER, "/providers/Microsoft.Management/x"),
    ),
    ("has the role Reader on", lambda m: m.assign(READER, STORAGE)),
    (
        "has the role Storage Blob Data Owner on",
        lambda m: m.assign(BUILT_IN["Storage Blob Data Owner"], f"{ROOT}/resourceGroups/x"),
    ),
    ("has the role Storage Blob Data Owner on", lambda m: m.assign(BUILT_IN["Storage Blob Data Owner"], ROOT)),
    ("does not have the role Reader in", lambda m: m.assignments.pop(0)),
    (f"does not have the role {custom_role('provision', 'int', SUBSCRIPTION)} in", lambda m: m.assignments.pop()),
    ("may assign every role", lambda m: provision(m, condition="")),
    ("may assign every role", lambda m: provision(m, condition=condition([]))),
    (f"may assign {READER}", lambda m: provision(m, condition=condition([READER]))),
    ("may assign ", lambda m: provision(m, conditionVersion="1.0")),
    ("no condition on roleAssignments/delete", lambda m: provision(m, condition=condition().partition("\nAND\n(")[0])),
    ("may assign roles to people", lambda m: provision(m, condition=condition().replace("ServicePrincipal", "User"))),
]


@pytest.mark.parametrize(
    ("words", "change"), CHANGES, ids=[f"{number} {words}" for number, (words, _) in enumerate(CHANGES)]
)
def test_a_role_that_differs_is_named(
    arm: Arm, deployment: Deployment, manager: ResourceManager, words: str, change: Callable[[ResourceManager], object]
) -> None:
    change(manager)
    with pytest.raises(CheckFailed) as failed:
        list(compare(arm, deployment))
    assert words in str(failed.value)


def sharing(manager: ResourceManager, **more: str) -> None:
    """The role that is chosen for sharing, as infra/ gives it, but for some fields."""
    text = (INFRA / "sharing-condition.txt").read_text().replace("<privileged>", ", ".join(ROLES["privileged"]))
    manager.define(custom_role("share", "int", SUBSCRIPTION), "share", ROLES["share"])
    manager.assign("share", **{"condition": text, "conditionVersion": "2.0", **more})


def test_a_role_for_sharing_is_expected_only_where_it_was_chosen(
    manager: ResourceManager, arm: Arm, deployment: Deployment
) -> None:
    sharing(manager)
    with pytest.raises(CheckFailed, match="has the role Dormouse share"):
        list(compare(arm, deployment))
    chosen = replace(deployment, roles=(*deployment.roles, "share"))
    *_, dangerous = compare(arm, chosen)
    assert dangerous == f"none of {len(FORBIDDEN) - 3} dangerous actions is allowed"


@pytest.mark.parametrize(
    ("part", "instead", "words"),
    [
        (ROLES["privileged"][1], ROLES["privileged"][0], "may assign privileged roles"),
        ("roleAssignments/delete'})", "roleAssignments/other'})", "no condition on roleAssignments/delete"),
        ("'User', 'Group'", "'User', 'Group', 'ServicePrincipal'", "may assign roles to identities"),
    ],
)
def test_a_role_for_sharing_without_its_condition_is_noticed(
    manager: ResourceManager, arm: Arm, deployment: Deployment, part: str, instead: str, words: str
) -> None:
    sharing(manager)
    manager.assignments[-1]["condition"] = manager.assignments[-1]["condition"].replace(part, instead)
    with pytest.raises(CheckFailed, match=words):
        list(compare(arm, replace(deployment, roles=(*deployment.roles, "share"))))


def test_the_data_roles_are_expected_in_the_group_of_the_control_plane_only() -> None:
    assert STORAGE.startswith(f"{ROOT}/resourceGroups/{GROUP}/")


def test_the_app_may_do_what_its_roles_allow_and_is_refused_the_rest(
    azure_arm: Arm, azure: AzureSide, deployment: Deployment
) -> None:
    azure.assign(*({"role": role} for role in ("reader", "sweep", "provision")))
    needed = len(ROLES["sweep"]) + len(ROLES["provision"])
    assert list(probe(azure_arm, deployment)) == [
        f"all {needed} actions of the roles are allowed",
        f"of {len(PROBES)} requests, Azure refused those that no role allows",
    ]


@pytest.mark.parametrize(
    ("actions", "without", "words"),
    [
        (["*"], [], "Azure answered Microsoft.KeyVault/vaults/delete with 404 ResourceGroupNotFound"),
        (["*"], [], "Microsoft.Web/sites/write is allowed"),
        (["*/read", *ROLES["sweep"]], [], "Microsoft.Compute/virtualMachines/write is not allowed"),
        (
            ["*/read", *ROLES["sweep"]],
            [],
            "Azure answered Microsoft.Compute/virtualMachines/delete with 403 AuthorizationFailed",
        ),
        (["*/read", *ROLES["sweep"], *ROLES["provision"]], [PROBES[0].action], "deallocate/action is not allowed"),
        (
            ["*/read", *ROLES["sweep"], *ROLES["provision"], "Microsoft.Compute/virtualMachines/generalize/action"],
            [],
            "Azure answered Microsoft.Compute/virtualMachines/generalize/action with 501",
        ),
    ],
)
def test_other_rights_than_those_of_the_roles_are_noticed(
    azure_arm: Arm, deployment: Deployment, azure: AzureSide, actions: list[str], without: list[str], words: str
) -> None:
    azure.permit(*actions, without=without)
    with pytest.raises(CheckFailed) as failed:
        list(probe(azure_arm, deployment))
    assert words in str(failed.value)


def test_an_exception_takes_away_what_the_same_permission_allows() -> None:
    permission = {"actions": ["Microsoft.Web/*"], "notActions": ["microsoft.web/SITES/write"]}
    assert allows([permission], "Microsoft.Web/sites/read")
    assert not allows([permission], "Microsoft.Web/sites/write")
    assert allows([permission, {"actions": ["*/write"]}], "Microsoft.Web/sites/write"), "another permission allows it"
    assert not allows([{"actions": ["Microsoft.Web/sites/write"]}], "XMicrosoft.Web/sites/write")
