"""Hibernation of machines: the extension that prepares their system for it."""

from collections.abc import Sequence

from dormouse.resources.compute.virtual_machines import MACHINE_EXTENSION, Machine
from dormouse.resources.network import numbered
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget


def hibernation_extension(
    target: DeploymentTarget, machine: Machine, vm: Resource, before: Sequence[Resource] = (), instance: str = ""
) -> list[Resource]:
    """The VM extension that makes room for the memory on the OS disk; none for a machine that does not hibernate.

    `before` are the extensions that are installed first, because Azure's agent runs them one after the other.
    https://learn.microsoft.com/azure/virtual-machines/linux/hibernate-resume-linux
    """
    if not machine.hibernates:
        return []
    body = {
        "properties": {
            "publisher": "Microsoft.CPlat.Core",
            "type": "LinuxHibernateExtension",
            "typeHandlerVersion": "1.0",
            "autoUpgradeMinorVersion": True,
        }
    }
    name, needs = numbered("hibernation", instance), (vm.name, *(one.name for one in before))
    path = f"{vm.id}/extensions/hibernation"
    return [Resource(name, MACHINE_EXTENSION.name, path, target.located(body), needs=needs, contained_in=vm.name)]
