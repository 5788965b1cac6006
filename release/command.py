"""What the commands of the release share: their arguments, who they are in Azure, and how they end."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator

import httpx
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential

from release.arm import PUBLIC, TIMEOUT, Arm, CheckFailed
from release.control_plane import TIMEOUT as API_TIMEOUT
from release.control_plane import ControlPlane
from release.deployment import Deployment, function_key

STAGES = ("dev", "int", "pro")
# With HTTP_AUTH=entra, tokens for this audience are sent instead of a function key.
AUDIENCE = "DORMOUSE_AUDIENCE"


@contextlib.contextmanager
def resource_manager() -> Iterator[Arm]:
    """Resource Manager of AZURE_SUBSCRIPTION_ID, with the login of Azure CLI; raises CheckFailed without an ID."""
    subscription = os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    if not subscription:
        raise CheckFailed("Set AZURE_SUBSCRIPTION_ID to the subscription of the control plane.")
    url = os.environ.get("AZURE_RESOURCE_MANAGER_URL", PUBLIC)
    with httpx.Client(base_url=url, timeout=TIMEOUT) as client:
        yield Arm(client, lambda: token_for(f"{PUBLIC}/.default"), subscription)


@contextlib.contextmanager
def control_plane(arm: Arm, deployment: Deployment) -> Iterator[ControlPlane]:
    """The API of a deployment; raises CheckFailed if there is no key for it."""
    with httpx.Client(timeout=API_TIMEOUT) as client:
        yield ControlPlane(client, deployment.url, credential_of(arm, deployment))


def credential_of(arm: Arm, deployment: Deployment) -> dict[str, str]:
    """The header that shows the API who asks: a token of Microsoft Entra if there is an audience, or else the key."""
    if audience := os.environ.get(AUDIENCE):
        return {"Authorization": f"Bearer {token_for(f'{audience}/.default')}"}
    return {"x-functions-key": function_key(arm, deployment)}


def token_for(scope: str) -> str:
    """A token of the login of Azure CLI, new for each request, because tokens of federated logins are short-lived."""
    try:
        return str(AzureCliCredential().get_token(scope).token)
    except ClientAuthenticationError:
        raise CheckFailed("Azure CLI gives no token. Log in first: az login") from None


def main_of(described: str | None, run: Callable[[str, float], Iterator[str]]) -> None:
    """Run a check for the stage on the command line, and print what it finds; exits with status 1 if it fails."""
    parser = argparse.ArgumentParser(description=described)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument(
        "--every", type=float, default=15.0, help="seconds between two looks at something that takes its time"
    )
    asked = parser.parse_args()
    try:
        for found in run(asked.stage, asked.every):
            sys.stdout.write(f"{found}\n")
            sys.stdout.flush()
    except CheckFailed as failed:
        raise SystemExit(f"FAILED: {failed}") from None
