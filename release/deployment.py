"""What a deployment has made: the outputs of `infra/main.bicep`, and the key with which its API is reached."""

from dataclasses import dataclass

from release.arm import Arm, CheckFailed

DEPLOYMENTS = "2024-11-01"
SITES = "2024-11-01"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed control plane; `roles` are its custom roles, by their names in `infra/roles.json`."""

    url: str
    app: str
    group: str
    id: str
    principal: str
    roles: tuple[str, ...]

    def site(self, arm: Arm) -> str:
        """The resource ID of the app."""
        return f"{arm.root}/resourceGroups/{self.group}/providers/Microsoft.Web/sites/{self.app}"


def deployment_of(arm: Arm, stage: str) -> Deployment:
    """The deployment of a stage (`dev`, `int`, `pro`), which `make deploy` has named; raises CheckFailed without one."""
    path = f"{arm.root}/providers/Microsoft.Resources/deployments/dormouse-{stage}"
    properties = arm.get(path, DEPLOYMENTS)["properties"]
    if properties["provisioningState"] != "Succeeded":
        raise CheckFailed(f"The deployment dormouse-{stage} is {properties['provisioningState']}.")
    given = {name: one["value"] for name, one in properties["outputs"].items()}
    return Deployment(
        url=given["url"],
        app=given["appName"],
        group=given["groupName"],
        id=given["deploymentId"],
        principal=given["principalId"],
        roles=tuple(given["roles"]),
    )


def function_key(arm: Arm, deployment: Deployment) -> str:
    """The key of the API, which is neither stored nor printed.

    https://learn.microsoft.com/rest/api/appservice/web-apps/list-host-keys
    """
    keys = arm.post(f"{deployment.site(arm)}/host/default/listKeys", SITES)
    return str(keys["functionKeys"]["default"])
