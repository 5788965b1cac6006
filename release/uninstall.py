"""Uninstalls a control plane, and checks that nothing is left that could act: `make uninstall ENV=dev`.

First what acts is stopped, then its rights are taken, and only then is it deleted: at no moment does something run that has
lost a part of its rights, and a deletion that is interrupted leaves nothing with rights. It can be repeated. Roles that are
assigned cannot be deleted: https://learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-limits
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROLES = ("sweep", "adopt", "provision")
NOT_CONFIRMED = "Not confirmed: nothing was changed."


class Refused(Exception):
    """Azure CLI has refused a command, or the control plane must not be uninstalled yet; the message says why."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What a parameter file says about a control plane: its deployment ID, and the subscriptions that it watches besides."""

    deployment: str
    watched: tuple[str, ...]

    @property
    def group(self) -> str:
        """The resource group of the control plane."""
        return f"dormouse-control-{self.deployment}"

    @property
    def roles(self) -> set[str]:
        """The names of its custom roles."""
        return {f"Dormouse {role} ({self.deployment})" for role in ROLES}


def installation_in(parameters: Path) -> Installation:
    """The installation that a .bicepparam file describes; raises Refused if it names no deployment."""
    given = {}
    for line in parameters.read_text().splitlines():
        name, equals, value = line.removeprefix("param ").partition(" = ")
        if line.startswith("param ") and equals and name in ("deploymentId", "watchedSubscriptions"):
            given[name] = json.loads(value.replace("'", '"'))
    if "deploymentId" not in given:
        raise Refused(f"{parameters} has no deploymentId.")
    return Installation(given["deploymentId"], tuple(given.get("watchedSubscriptions", ())))


def az(*arguments: str) -> Any:
    """What Azure CLI answers; None if it answers nothing. Raises Refused with what it says."""
    done = subprocess.run(["az", *arguments, "--output", "json"], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise Refused(f"az {' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else None


class Uninstaller:
    """Uninstalls one control plane."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        own = az("account", "show")["id"]
        self.subscriptions = (own, *(one for one in installation.watched if one != own))
        self._own = own

    def environments(self) -> list[str]:
        """The resource groups that the control plane has built and that still exist."""
        tag = f"dormouse-deployment={self._installation.deployment}"
        return sorted(group["name"] for group in az("group", "list", "--tag", tag, "--subscription", self._own))

    def principals(self) -> list[str]:
        """The identities of the control plane."""
        if not self._exists():
            return []
        where = ("--resource-group", self._installation.group, "--subscription", self._own)
        return [identity["principalId"] for identity in az("identity", "list", *where)]

    def stop(self) -> None:
        """Stop the app, so that no timer and no request acts while its rights go."""
        if self._exists():
            for app in az("functionapp", "list", "--resource-group", self._installation.group, "--subscription", self._own):
                _say(f"stopping {app['name']}")
                az("functionapp", "stop", "--ids", app["id"])

    def take_rights(self, principals: Sequence[str]) -> None:
        """Delete the role assignments of its identities and of its roles, then the roles."""
        for subscription in self.subscriptions:
            for assignment in self._assignments(subscription, principals):
                _say(f"deleting the assignment of {assignment['roleDefinitionName']} on {assignment['scope']}")
                az("role", "assignment", "delete", "--ids", assignment["id"], "--yes")
            for role in self._roles(subscription):
                _say(f"deleting the role {role['roleName']} in {subscription}")
                scope = ("--scope", f"/subscriptions/{subscription}", "--subscription", subscription)
                az("role", "definition", "delete", "--name", role["name"], *scope)

    def delete(self) -> None:
        """Delete the resource group: the app, its identity, vault, storage and logs."""
        if self._exists():
            _say(f"deleting the resource group {self._installation.group}")
            az("group", "delete", "--name", self._installation.group, "--subscription", self._own, "--yes")

    def leftovers(self, principals: Sequence[str]) -> Iterator[str]:
        """What is left that could act, or could be given rights again."""
        for subscription in self.subscriptions:
            for assignment in self._assignments(subscription, principals):
                yield f"role assignment {assignment['id']}"
            for role in self._roles(subscription):
                yield f"custom role {role['roleName']} in {subscription}"
        if self._exists():
            yield f"resource group {self._installation.group}"
        tags = {"product": "dormouse", "deployment": self._installation.deployment}
        for resource in az("resource", "list", "--tag", "product=dormouse", "--subscription", self._own):
            if tags.items() <= (resource.get("tags") or {}).items():
                yield f"{resource['type']} {resource['id']}"

    def _exists(self) -> bool:
        return bool(az("group", "exists", "--name", self._installation.group, "--subscription", self._own))

    def _assignments(self, subscription: str, principals: Sequence[str]) -> list[dict[str, Any]]:
        """At every scope of a subscription; principals that are gone are found by the roles that only they have."""
        every = az("role", "assignment", "list", "--all", "--fill-principal-name", "false", "--subscription", subscription)
        ours = self._installation.roles
        return [one for one in every if one["principalId"] in principals or one["roleDefinitionName"] in ours]

    def _roles(self, subscription: str) -> list[dict[str, Any]]:
        every = az("role", "definition", "list", "--custom-role-only", "true", "--subscription", subscription)
        return [one for one in every if one["roleName"] in self._installation.roles]


def uninstall(installation: Installation, *, keep: bool = False) -> list[str]:
    """Uninstall a control plane; returns what is left. Raises Refused if it has built groups that are not to be kept."""
    uninstaller = Uninstaller(installation)
    groups = uninstaller.environments()
    if groups and not keep:
        raise Refused(f"These groups exist; delete their environments (dormouse rm), or keep them: {', '.join(groups)}")
    principals = uninstaller.principals()
    uninstaller.stop()
    uninstaller.take_rights(principals)
    uninstaller.delete()
    return list(uninstaller.leftovers(principals))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Uninstall what a parameter file describes, after a confirmation; returns the exit code."""
    parser = argparse.ArgumentParser(prog="release.uninstall", description=__doc__)
    parser.add_argument("--parameters", type=Path, required=True, help="the .bicepparam file that it was deployed with")
    parser.add_argument("--confirm", default="", metavar="ID", help="the deployment ID, to be asked nothing")
    parser.add_argument("--keep", action="store_true", help="keep environments, snapshots and disks that it has built")
    given = parser.parse_args()
    try:
        installation = installation_in(given.parameters)
        confirmed = given.confirm or input(f"Uninstall {installation.group}? Type {installation.deployment} to confirm: ")
        if confirmed != installation.deployment:
            raise Refused(NOT_CONFIRMED)
        left = uninstall(installation, keep=given.keep)
    except (Refused, EOFError) as refused:
        sys.stderr.write(f"{refused if refused.args else NOT_CONFIRMED}\n")
        return 1
    for one in left:
        _say(f"LEFT: {one}")
    if not left:
        _say("Nothing is left: no app, no identity, no role assignment, no custom role.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
