"""What Azure answers to the app's own identity: what its roles allow, and refusals of what they do not.

Run after a login as that identity, which is possible where it has a federated credential (docs/release.md). Each request
is about resources that do not exist, so that nothing happens even if it is allowed: Azure checks the permission first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from release.arm import Arm, CheckFailed, code_of
from release.command import main_of, resource_manager
from release.deployment import Deployment, deployment_of
from release.permissions import ROLES, allows, forbidden_with
from release.roles import AUTHORIZATION

# Nothing has these names.
GROUP, NAME = "rg-dormouse-does-not-exist", "doesnotexist"


@dataclass(frozen=True, slots=True)
class Probe:
    """A request about a resource that does not exist, and the custom role that allows it ("" for none)."""

    role: str
    method: str
    type: str
    verb: str
    version: str

    @property
    def path(self) -> str:
        """The path of the request below the resource group."""
        return f"{self.type}/{NAME}" + (f"/{self.verb}" if self.method == "POST" else "")

    @property
    def action(self) -> str:
        """The action that the request needs."""
        return f"{self.type}/{self.verb}" + ("/action" if self.method == "POST" else "")


PROBES = (
    Probe("sweep", "POST", "Microsoft.Compute/virtualMachines", "deallocate", "2024-07-01"),
    Probe("provision", "DELETE", "Microsoft.Compute/virtualMachines", "delete", "2024-07-01"),
    Probe("", "POST", "Microsoft.Compute/virtualMachines", "generalize", "2024-07-01"),
    Probe("", "DELETE", "Microsoft.KeyVault/vaults", "delete", "2023-07-01"),
    Probe("", "POST", "Microsoft.Storage/storageAccounts", "listKeys", "2023-05-01"),
)


def probe(arm: Arm, deployment: Deployment) -> Iterator[str]:
    """Ask for each; yields what was allowed and refused as it should be, and raises CheckFailed with everything else."""
    listed = arm.get(f"{arm.root}/providers/Microsoft.Authorization/permissions", AUTHORIZATION)["value"]
    needed = [action for role in deployment.roles for action in ROLES[role]]
    faults = [f"{action} is not allowed" for action in needed if not allows(listed, action)]
    faults += [f"{action} is allowed" for action in forbidden_with(deployment.roles) if allows(listed, action)]
    for one in PROBES:
        answer = arm.ask(one.method, f"{arm.root}/resourceGroups/{GROUP}/providers/{one.path}", one.version)
        refused = (answer.status_code, code_of(answer)) == (httpx.codes.FORBIDDEN, "AuthorizationFailed")
        # What is allowed is answered for a resource that is not there: 404, or 204 for its deletion.
        permitted = answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.NO_CONTENT)
        if not (permitted if one.role in deployment.roles else refused):
            faults.append(f"Azure answered {one.action} with {answer.status_code} {code_of(answer)}")
    if faults:
        raise CheckFailed(f"The permissions of the app differ from infra/roles.json: {'; '.join(sorted(faults))}.")
    yield f"all {len(needed)} actions of the roles are allowed"
    yield f"of {len(PROBES)} requests, Azure refused those that no role allows"


def run(stage: str, every: float) -> Iterator[str]:
    """Probe a stage."""
    with resource_manager() as arm:
        yield from probe(arm, deployment_of(arm, stage))


def main() -> None:
    """Probe the stage on the command line."""
    main_of(__doc__, run)


if __name__ == "__main__":
    main()
