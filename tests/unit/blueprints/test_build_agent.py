"""The spec of a build agent, and the resources that follow from it."""

import json
from typing import Any

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.specs import read_spec
from dormouse.errors import InvalidSpec
from dormouse.resources.features import Docker, NvidiaDriver, PipelinesAgent
from dormouse.resources.graph import levels
from dormouse.resources.plan import Plan
from dormouse.resources.registry import kind_of
from tests.support import ROOT
from tests.unit.builders import SUBSCRIPTION, target

EXAMPLE: dict[str, Any] = json.loads((ROOT / "examples" / "build-agent.json").read_text())
VAULT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/dormouse/providers/Microsoft.KeyVault/vaults/v"
IDENTITY = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shared/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ci1"
)
SHA256 = "bedcf4e1ec67d11600264dac3ffd867443544d40b2c9949a0a72bd32187c656d"


def plan(name: str = "ml1", deployment: str = "main", **changes: Any) -> Plan:
    spec = read_spec(name, {**EXAMPLE, **changes}, caller_address="203.0.113.7", caller="ann")
    return plan_for(spec, target(name, vault=VAULT, vault_url="https://v.vault.azure.net", deployment=deployment))


def faults(**changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        plan(**changes)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


def test_every_machine_has_its_own_agent_right_and_registration() -> None:
    built = plan(count=3)
    assert [one.settings["agent"] for one in built.resources if one.kind == "pipelines_agent"] == ["ml1-1", "ml1-2", "ml1-3"]
    for number in ("1", "2", "3"):
        access, agent = built.resource(f"token-access-{number}"), built.resource(f"agent-{number}")
        vm = built.resource(f"vm-{number}")
        assert access.settings["scope"] == f"{VAULT}/secrets/pipelines-token"
        assert agent.settings["machine"] == vm.id
        assert set(built.resource(f"registration-{number}").needs) == {vm.name, access.name, f"driver-{number}"}
    assert len({one.id for one in built.resources}) == len(built.resources)


def test_agents_are_suspended_before_their_machines_stop() -> None:
    built = plan(count=2)
    among = {one.name for one in built.resources if kind_of(one).power_state or kind_of(one).suspends}
    assert [[one.name for one in level] for level in levels(built.resources, among)] == [
        ["vm-1", "vm-2"],
        ["agent-1", "agent-2"],
    ]


def test_agents_of_other_deployments_have_other_names() -> None:
    names = [plan(deployment=one).resource("agent-1").settings["agent"] for one in ("main", "staging")]
    assert names == ["ml1-1", "staging--ml1-1"]


def test_the_right_to_the_token_is_found_without_its_machine() -> None:
    """Its name follows from machine and secret, not from an identity that is gone with the machine."""
    first = plan().resource("token-access-1").id
    assert first == plan().resource("token-access-1").id
    assert len({first, plan().resource("token-access-2").id, plan(token_secret="other").resource("token-access-1").id}) == 3


def test_the_token_is_only_named() -> None:
    setup = plan().resource("vm-1").setup
    assert setup is not None
    (agent,) = (one for one in setup.features if isinstance(one, PipelinesAgent))
    assert agent.token_url == "https://v.vault.azure.net/secrets/pipelines-token"


@pytest.mark.parametrize(
    ("size", "docker", "kinds"),
    [
        ("Standard_NC4as_T4_v3", True, [NvidiaDriver(), Docker(gpu=True)]),
        ("Standard_D4s_v5", True, [Docker(gpu=False)]),
        ("Standard_NC4as_T4_v3", False, [NvidiaDriver()]),
    ],
)
def test_docker_has_gpus_where_the_size_has_them(size: str, docker: bool, kinds: list[object]) -> None:
    setup = plan(size=size, docker=docker).resource("vm-1").setup
    assert setup is not None
    assert [one for one in setup.features if isinstance(one, NvidiaDriver | Docker)] == kinds


def test_every_fault_of_a_spec_is_told_at_once() -> None:
    found = faults(
        organization="https://contoso.visualstudio.com",
        pool="",
        token_secret="dormouse-ml1-01h",
        count=21,
        agent_version="5.x",
        agent_sha256="ABC",
        wake_for_jobs="perhaps",
        keep_minutes=-1,
    )
    names = (
        "organization",
        "pool",
        "token_secret",
        "count",
        "agent_version",
        "agent_sha256",
        "wake_for_jobs",
        "keep_minutes",
    )
    assert set(found) == {f"/{name}" for name in names}
    assert "does not begin with dormouse-" in found["/token_secret"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"agent_version": "5.277.0"}, "/agent_sha256"),
        ({"agent_sha256": SHA256}, "/agent_sha256"),
        ({"token_secret": ""}, "/token_secret"),
        ({"identity": IDENTITY}, "/identity"),
        ({"authentication": "entra", "identity": IDENTITY}, "/token_secret"),
        ({"authentication": "entra", "token_secret": ""}, "/identity"),
        ({"authentication": "entra", "token_secret": "", "identity": "agents"}, "/identity"),
        ({"count": 4, "network": {"subnet": "10.0.0.0/29"}}, "/network/subnet"),
        ({"image": {"offer": "ubuntu-26_04-lts"}}, "/image/offer"),
        ({"size": "Standard_D4ps_v5"}, "/size"),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(changes: dict[str, Any], pointer: str) -> None:
    assert pointer in faults(**changes)


def test_an_identity_registers_without_a_secret() -> None:
    found = plan(authentication="entra", token_secret="", identity=IDENTITY)
    kinds = [one.kind for one in found.resources]
    assert ("token_access" in kinds, kinds.count("pool_access"), kinds.count("pipelines_agent")) == (False, 2, 2)
    assert kinds[:3] == ["pool_access", "pool_access", "resource_group"], "deleted after the group"
    vm = found.resource("vm-1")
    assert vm.body["identity"] == {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    assert "pool-access-1" in vm.needs, "what the machine has registered is deleted after the machine"
    assert found.resource("agent-1").settings["secret"] == ""
    assert vm.setup is not None
    (agent,) = (one for one in vm.setup.features if isinstance(one, PipelinesAgent))
    assert (agent.identity, agent.token_url) == (IDENTITY, "")


def test_a_pinned_version_has_its_checksum() -> None:
    setup = plan(agent_version="5.277.0", agent_sha256=SHA256).resource("vm-1").setup
    assert setup is not None
    (agent,) = (one for one in setup.features if isinstance(one, PipelinesAgent))
    assert (agent.version, agent.sha256) == ("5.277.0", SHA256)
