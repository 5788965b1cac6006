"""What the identity may not do is refused: whole requests, what their bodies refer to, other scopes, foreign assignments."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local.azure.core.responses import Answer, Refused
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.roles import PRINCIPALS
from local.azure.services.authorization import conditions
from local.azure.services.authorization.assignments import CONDITION, DEPLOYED, ROLES, Assignment, assign, of_role, permit
from tests.contract.azure import Azure

ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourceGroups/lab"
NETWORK, COMPUTE = f"{GROUP}/providers/Microsoft.Network", f"{GROUP}/providers/Microsoft.Compute"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hub"
SUBNET, FIREWALL = f"{NETWORK}/virtualNetworks/v/subnets/s", f"{NETWORK}/networkSecurityGroups/f"
ADDRESS, CARD = f"{NETWORK}/publicIPAddresses/a", f"{NETWORK}/networkInterfaces/n"
MACHINE, SYSTEM, DATA = f"{COMPUTE}/virtualMachines/m", f"{COMPUTE}/disks/system", f"{COMPUTE}/disks/data"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/r"
LEARNING = f"{GROUP}/providers/Microsoft.MachineLearningServices"
JOIN, DISK_WRITE = "join/action", "Microsoft.Compute/disks/write"
ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
READ_DISK = "Microsoft.Compute/disks/beginGetAccess/action"
GROUPS_VERSION = "2024-03-01"
VERSIONS = {
    "Microsoft.Network": "2024-05-01",
    "Microsoft.Compute/virtualMachines": "2024-07-01",
    "Microsoft.Compute": "2024-03-02",
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.ContainerRegistry": "2023-07-01",
    "Microsoft.MachineLearningServices": "2024-04-01",
}
GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    fresh = Azure(tmp_path_factory.mktemp("authorization"))
    yield fresh
    fresh.close()


@pytest.fixture
def azure(shared: Azure) -> Azure:
    """A subscription with two groups and a machine in one of them, and an administrator as the identity that asks."""
    shared.forget_everything()
    permit(shared.world, ["*"])
    for name in ("lab", "other"):
        shared.manage("PUT", f"{ROOT}/resourceGroups/{name}?api-version={GROUPS_VERSION}", {"location": "westeurope"})
    storage = {"osDisk": {"managedDisk": {"id": SYSTEM}}, "dataDisks": [{"managedDisk": {"id": DATA}}]}
    machine = {
        "storageProfile": storage,
        "networkProfile": {"networkInterfaces": [{"id": CARD}]},
        "provisioningState": "Succeeded",
    }
    shared.world.keep(
        {
            **_document(MACHINE, "Microsoft.Compute/virtualMachines"),
            "properties": machine,
            "identity": {"userAssignedIdentities": {IDENTITY: {}}},
            "_power": "running",
        }
    )
    for identifier in (SYSTEM, DATA):
        shared.world.keep(_document(identifier, "Microsoft.Compute/disks"))
    shared.world.index_everything()
    shared.world.checked.clear()
    return shared


def _document(identifier: str, kind: str) -> dict[str, Any]:
    name = identifier.rpartition("/")[2]
    return {"id": identifier, "name": name, "type": kind, "location": "westeurope", "properties": {}}


def send(azure: Azure, method: str, path: str, body: Any = None) -> Answer:
    kind = path.rpartition("/providers/")[2] if "/providers/" in path else ""
    version = next((one for name, one in VERSIONS.items() if kind.startswith(name)), GROUPS_VERSION)
    return azure.manage(method, f"{path}?api-version={version}", body)


def code(answer: Answer) -> str:
    return str(answer.body["error"]["code"]) if isinstance(answer.body, dict) and "error" in answer.body else ""


CARD_BODY = {
    "location": "westeurope",
    "properties": {
        "networkSecurityGroup": {"id": FIREWALL},
        "ipConfigurations": [
            {"name": "i", "properties": {"subnet": {"id": SUBNET}, "publicIPAddress": {"id": ADDRESS}}},
        ],
    },
}
MACHINE_BODY = {
    "location": "westeurope",
    "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
    "properties": {
        "networkProfile": {"networkInterfaces": [{"id": CARD}]},
        "storageProfile": {"osDisk": {"createOption": "FromImage"}, "dataDisks": [{"managedDisk": {"id": DATA}}]},
    },
}
NEW = f"{COMPUTE}/virtualMachines/new"
LINKS = [
    pytest.param("PUT", CARD, CARD_BODY, f"Microsoft.Network/virtualNetworks/subnets/{JOIN}", SUBNET, id="card to subnet"),
    pytest.param("PUT", CARD, CARD_BODY, f"Microsoft.Network/networkSecurityGroups/{JOIN}", FIREWALL, id="card to firewall"),
    pytest.param("PUT", CARD, CARD_BODY, f"Microsoft.Network/publicIPAddresses/{JOIN}", ADDRESS, id="card to address"),
    pytest.param(
        "PUT",
        f"{NETWORK}/virtualNetworks/v",
        {"properties": {"subnets": [{"name": "s", "properties": {"networkSecurityGroup": {"id": FIREWALL}}}]}},
        f"Microsoft.Network/networkSecurityGroups/{JOIN}",
        FIREWALL,
        id="subnet to firewall",
    ),
    pytest.param("PUT", NEW, MACHINE_BODY, f"Microsoft.Network/networkInterfaces/{JOIN}", CARD, id="machine to card"),
    pytest.param("PUT", NEW, MACHINE_BODY, DISK_WRITE, f"{DATA},{GROUP}", id="machine to disks, one of them new"),
    pytest.param("PUT", NEW, MACHINE_BODY, ASSIGN, IDENTITY, id="machine to identity"),
    pytest.param("PATCH", MACHINE, {"tags": {"a": "b"}}, DISK_WRITE, f"{SYSTEM},{DATA}", id="tags of a machine to disks"),
    pytest.param("PATCH", MACHINE, {"tags": {}}, f"Microsoft.Network/networkInterfaces/{JOIN}", CARD, id="tags to card"),
    pytest.param(
        "PATCH", MACHINE, {"identity": {"type": "SystemAssigned, UserAssigned"}}, ASSIGN, IDENTITY, id="identity to others"
    ),
    *(
        pytest.param("PUT", path, {"identity": {"userAssignedIdentities": {IDENTITY: {}}}}, ASSIGN, IDENTITY, id=path[-15:])
        for path in (REGISTRY, f"{LEARNING}/workspaces/w", f"{LEARNING}/workspaces/w/computes/c")
    ),
    pytest.param(
        "PUT",
        f"{LEARNING}/workspaces/w/computes/c",
        {"properties": {"properties": {"subnet": {"id": SUBNET}}}},
        f"Microsoft.Network/virtualNetworks/subnets/{JOIN}",
        SUBNET,
        id="cluster to subnet",
    ),
    pytest.param(
        "PUT",
        f"{COMPUTE}/snapshots/s",
        {"properties": {"creationData": {"createOption": "Copy", "sourceResourceId": SYSTEM}}},
        READ_DISK,
        SYSTEM,
        id="snapshot to disk",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "action", "linked"), LINKS)
def test_what_a_body_refers_to_needs_rights_too(
    azure: Azure, method: str, path: str, body: dict[str, Any], action: str, linked: str
) -> None:
    permit(azure.world, ["*"], [action])
    answer = send(azure, method, path, body)
    assert (answer.status, code(answer)) == (403, "LinkedAuthorizationFailed")
    message = answer.body["error"]["message"]
    actions = ",".join([action] * len(linked.split(",")))
    assert f"does not have permission to perform action(s) '{actions}' on the linked scope(s) '{linked}' (respectively)" in (
        message
    )
    assert f"' on scope '{path}'; however" in message
    permit(azure.world, ["*"])
    assert send(azure, method, path, body).status in (200, 201, 202, 400, 404, 501)


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("POST", f"{MACHINE}/start", "Microsoft.Compute/virtualMachines/start/action", MACHINE),
        ("GET", f"{COMPUTE}/virtualMachines", "Microsoft.Compute/virtualMachines/read", COMPUTE),
        ("GET", MACHINE, "Microsoft.Compute/virtualMachines/read", MACHINE),
        ("GET", f"{GROUP}/resources", "Microsoft.Resources/subscriptions/resourcegroups/resources/read", GROUP),
    ],
)
def test_a_refusal_names_the_action_and_its_scope(azure: Azure, method: str, path: str, action: str, scope: str) -> None:
    permit(azure.world, [])
    answer = send(azure, method, path)
    assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
    assert f"to perform action '{action}' over scope '{scope}' or the scope is invalid" in answer.body["error"]["message"]
    assert azure.world.checked == {action.lower(): False}


def test_every_missing_right_of_a_body_is_named_at_once(azure: Azure) -> None:
    permit(azure.world, ["*"], ["Microsoft.Network/*/join/action"])
    message = send(azure, "PUT", CARD, CARD_BODY).body["error"]["message"]
    (scopes,) = re.findall(r"linked scope\(s\) '([^']+)'", message)
    assert scopes.split(",") == [SUBNET, ADDRESS, FIREWALL]


def test_tags_of_a_machine_do_not_need_its_identities(azure: Azure) -> None:
    permit(azure.world, ["*"], [ASSIGN])
    assert send(azure, "PATCH", MACHINE, {"tags": {"a": "b"}}).status != 403


def test_a_role_holds_where_it_is_assigned_and_below(azure: Azure) -> None:
    assign(azure.world, [of_role("reader"), of_role("provision", GROUP.upper())])
    assert code(send(azure, "PUT", f"{ROOT}/resourceGroups/new", {"location": "westeurope"})) == "AuthorizationFailed"
    assert send(azure, "PUT", GROUP, {"location": "westeurope"}).status == 200
    elsewhere = CARD.replace("/lab/", "/other/")
    assert code(send(azure, "PUT", elsewhere, CARD_BODY)) == "AuthorizationFailed"
    assert code(send(azure, "PUT", CARD, CARD_BODY)) == "NotFound", "it may, and the subnet is missing"
    joins_elsewhere = {
        "location": "westeurope",
        "properties": {"networkSecurityGroup": {"id": FIREWALL.replace("lab", "o")}},
    }
    assert code(send(azure, "PUT", CARD, joins_elsewhere)) == "LinkedAuthorizationFailed"


def test_a_role_on_a_group_does_not_show_what_became_of_its_requests(azure: Azure) -> None:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations."""
    assign(azure.world, [of_role("reader", GROUP), of_role("provision", GROUP)])
    accepted = send(azure, "DELETE", GROUP)
    assert accepted.status == 202
    poll = "/" + accepted.headers["Location"].partition("://")[2].partition("/")[2]
    refused = azure.manage("GET", poll)
    assert (refused.status, code(refused)) == (403, "AuthorizationFailed")
    action = "Microsoft.Resources/subscriptions/operationresults/read"
    assert f"perform action '{action}' over scope '{ROOT}'" in refused.body["error"]["message"]
    azure.finish()
    permit(azure.world, ["*"])
    assert send(azure, "GET", GROUP).status == 404, "the work is done all the same"


def test_the_deletion_of_a_group_does_not_ask_for_the_rights_to_delete_its_contents(azure: Azure) -> None:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/delete-resource-group."""
    permit(azure.world, ["*"], ["Microsoft.Compute/*/delete"])
    assert code(send(azure, "DELETE", SYSTEM)) == "AuthorizationFailed"
    assert send(azure, "DELETE", GROUP).status == 202
    azure.finish()
    assert azure.world.resource(SYSTEM) is None


def test_the_permissions_at_a_scope_are_those_of_the_roles_there_and_above(azure: Azure) -> None:
    assign(azure.world, [of_role("reader"), of_role("sweep", GROUP)])
    path = "/providers/Microsoft.Authorization/permissions"
    (one,) = send(azure, "GET", ROOT + path).body["value"]
    assert (one["actions"], one["notActions"]) == (["*/read"], [])
    assert [each["actions"] for each in send(azure, "GET", GROUP + path).body["value"]] == [["*/read"], ROLES["sweep"]]


def names(azure: Azure, query: str) -> list[str]:
    azure.pass_time(5)
    return [row["name"] for row in azure.manage("POST", GRAPH, {"query": query}).body["data"]]


def test_resource_graph_leaves_out_what_may_not_be_read_without_an_error(azure: Azure) -> None:
    every = "resources | project name | order by name asc"
    assert names(azure, every) == ["data", "m", "system"]
    permit(azure.world, ["*/read"], ["Microsoft.Compute/disks/read"])
    assert names(azure, every) == ["m"]
    assign(azure.world, [of_role("reader", f"{ROOT}/resourceGroups/other")])
    assert names(azure, every) == []
    assign(azure.world, [of_role("reader", f"{ROOT}/resourceGroups/other"), of_role("reader", DATA)])
    assert names(azure, every) == ["data"]
    permit(azure.world, ["*"])
    assert names(azure, every) == ["data", "m", "system"]


def test_lists_of_a_subscription_show_what_may_be_read(azure: Azure) -> None:
    assign(azure.world, [of_role("reader", GROUP)])
    assert [one["name"] for one in send(azure, "GET", f"{ROOT}/resourcegroups").body["value"]] == ["lab"]
    permit(azure.world, ["*/read"], ["Microsoft.Compute/disks/read"])
    assert [one["name"] for one in send(azure, "GET", f"{ROOT}/resources").body["value"]] == ["m"]
    assert len(send(azure, "GET", f"{ROOT}/resourcegroups").body["value"]) == 2


def assignment(azure: Azure, role: str, kind: str = "ServicePrincipal") -> tuple[str, dict[str, Any]]:
    principal = str(uuid.uuid4())
    azure.world.store.put(PRINCIPALS, principal, {"id": principal, "known_at": 0.0, "type": kind})
    path = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    definition = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return path, {"properties": {"roleDefinitionId": definition, "principalId": principal, "principalType": kind}}


ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@pytest.mark.parametrize("role", ROLES["assignable"])
def test_the_deployed_condition_allows_what_blueprints_assign(azure: Azure, role: str) -> None:
    assign(azure.world, [of_role("provision")])
    path, body = assignment(azure, role.upper())
    assert send(azure, "PUT", path, body).status == 201
    assert send(azure, "DELETE", path).status == 200


@pytest.mark.parametrize(
    ("role", "kind"), [(OWNER, "ServicePrincipal"), (ROLES["assignable"][0], "User"), (ROLES["assignable"][0], "Group")]
)
def test_the_deployed_condition_refuses_other_roles_and_people(azure: Azure, role: str, kind: str) -> None:
    path, body = assignment(azure, role, kind)
    assign(azure.world, [of_role("provision")])
    assert code(send(azure, "PUT", path, body)) == "AuthorizationFailed"
    permit(azure.world, ["*"])
    assert send(azure, "PUT", path, body).status == 201
    assign(azure.world, [of_role("provision")])
    answer = send(azure, "DELETE", path)
    assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
    assert "perform action 'Microsoft.Authorization/roleAssignments/delete'" in answer.body["error"]["message"]
    assert azure.world.resource(path) is not None


@pytest.mark.parametrize("kind", ["User", "Group"])
def test_the_role_that_is_chosen_for_sharing_gives_people_roles_that_do_not_open_everything(azure: Azure, kind: str) -> None:
    assign(azure.world, [of_role("share")])
    path, body = assignment(azure, ACR_PULL, kind)
    assert send(azure, "PUT", path, body).status == 201
    assert send(azure, "DELETE", path).status == 200


@pytest.mark.parametrize(
    ("role", "kind"), [*((role, "User") for role in ROLES["privileged"]), (ACR_PULL, "ServicePrincipal")]
)
def test_the_role_that_is_chosen_for_sharing_refuses_privileged_roles_and_identities(
    azure: Azure, role: str, kind: str
) -> None:
    path, body = assignment(azure, role, kind)
    assign(azure.world, [of_role("share")])
    assert code(send(azure, "PUT", path, body)) == "AuthorizationFailed"
    permit(azure.world, ["*"])
    assert send(azure, "PUT", path, body).status == 201
    assign(azure.world, [of_role("share")])
    assert code(send(azure, "DELETE", path)) == "AuthorizationFailed"


def test_a_role_assignment_without_a_kind_of_principal_does_not_satisfy_the_condition(azure: Azure) -> None:
    assign(azure.world, DEPLOYED)
    path, body = assignment(azure, ROLES["assignable"][0])
    del body["properties"]["principalType"]
    assert code(send(azure, "PUT", path, body)) == "AuthorizationFailed"


def test_the_condition_of_one_role_does_not_bind_another(azure: Azure) -> None:
    assign(azure.world, [*DEPLOYED, Assignment(("Microsoft.Authorization/*",), scope=GROUP)])
    path, body = assignment(azure, OWNER)
    assert send(azure, "PUT", path, body).status == 201


YES, NO = "ActionMatches{'a/read'}", "ActionMatches{'a/write'}"
KIND = "@Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (YES, True),
        (NO, False),
        (f"!{NO}", True),
        (f"!({YES} AND {NO})", True),
        (f"{YES} OR {NO} AND {NO}", True),
        (f"({YES} OR {NO}) AND {NO}", False),
        (f"{NO} or {YES}", True),
        ("ActionMatches{'A/*'}", True),
        (f"{KIND} {{'user', 'group'}}", True),
        (f"{KIND} {{'User '}}", False),
        (f"{KIND} {{}}", False),
        (f"{KIND.replace('@Request', '@Resource')} {{'User'}}", False),
    ],
)
def test_a_condition_is_evaluated(text: str, expected: bool) -> None:
    kind = {"microsoft.authorization/roleassignments:principaltype": "User"}
    assert conditions.read(text)(conditions.Facts("a/read", lambda: kind, dict)) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        f"({YES}",
        f"{YES})",
        f"{YES} {YES}",
        f"{YES} AND",
        "NOT x",
        f"{YES} && {NO}",
        "@Principal[a/b:c] GuidEquals {}",
    ],
)
def test_a_condition_that_is_not_understood_is_not_guessed(text: str) -> None:
    with pytest.raises(Refused) as refused:
        conditions.read(text)
    assert refused.value.status == 501


def test_the_deployed_condition_lets_every_other_action_pass() -> None:
    facts = conditions.Facts("Microsoft.Compute/disks/write", dict, dict)
    assert conditions.read(CONDITION)(facts) is True
