"""A pair: two VMs, of which the second needs the first, and a desk in the first that must be closed before it stops."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.fields import CALLER, Size, Source, WeeklyHours
from dormouse.blueprints.spec import Disk, EnvironmentSpec, Image, Network
from dormouse.idle.policy import IdlePolicy
from dormouse.resources.compute.virtual_machines import Machine, virtual_machine
from dormouse.resources.features import BlobMount, GuestSetup
from dormouse.resources.identity import STORAGE_BLOB_DATA_CONTRIBUTOR, role_assignment
from dormouse.resources.keyvault import password
from dormouse.resources.network import SSH, network_interface, public_address, security_group, virtual_network
from dormouse.resources.plan import Resource
from dormouse.resources.storage import account_name, blob_container, storage_account
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc
from tests.blueprints import desk

USERNAME, CONTAINER = "azureuser", "pair"


class PairSpec(EnvironmentSpec):
    """Two VMs that share a blob container; the second uses the first."""

    changeable: ClassVar[frozenset[str]] = EnvironmentSpec.changeable | {"allow_from", "idle", "schedule", "size"}

    blueprint: Annotated[Literal["pair"], doc("The blueprint.", "pair")]
    size: Annotated[Size, doc("The VM size.", "Standard_D2s_v5")] = "Standard_D2s_v5"
    allow_from: Annotated[
        tuple[Source, ...], Field(min_length=1), doc("The networks that may connect over SSH.", ["203.0.113.7/32"])
    ] = (CALLER,)
    idle: Annotated[IdlePolicy | None, doc("When a VM counts as idle.", {"window": "45m"})] = None
    schedule: Annotated[WeeklyHours, doc("The weekly hours in which the VMs run.", "mon-fri 08:00-19:00 UTC")] = ""


def pair(spec: PairSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """Two VMs in one network, a desk in the first, and what both need."""
    network, storage, secret = Network(), storage_account(target), password(target)
    first, second = _vm(spec, target, secret, "1"), _vm(spec, target, secret, "2")
    return [
        resource_group(target),
        virtual_network(target, network.address_space, network.subnet),
        security_group(target, spec.allow_from, (SSH,)),
        storage,
        blob_container(target, CONTAINER),
        secret,
        *(_way_in(target, "1")),
        first,
        desk.desk(first),
        *(_way_in(target, "2")),
        replace(second, needs=(*second.needs, first.name)),
        *(
            role_assignment(target, f"role-{number}", STORAGE_BLOB_DATA_CONTRIBUTOR, of=vm, on=storage)
            for number, vm in (("1", first), ("2", second))
        ),
    ]


def _way_in(target: DeploymentTarget, instance: str) -> list[Resource]:
    return [public_address(target, {"ssh": USERNAME}, instance), network_interface(target, instance)]


def _vm(spec: PairSpec, target: DeploymentTarget, secret: Resource, instance: str) -> Resource:
    machine = Machine(spec.size, Image().model_dump(), Disk().size_gib, Disk().type)
    setup = GuestSetup(USERNAME, (BlobMount(account_name(target), CONTAINER), *target.agent))
    return virtual_machine(target, machine, setup, secret, instance)


BLUEPRINT = Blueprint("pair", PairSpec, pair)


def register() -> None:
    """Make the blueprint known to the app of this process."""
    desk.register()
    BLUEPRINTS[BLUEPRINT.name] = BLUEPRINT
