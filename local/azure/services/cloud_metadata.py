"""The description of a cloud that Azure Resource Manager gives to command-line tools before they log in.

https://learn.microsoft.com/cli/azure/cloud; the names of the fields are those that Azure CLI reads.
"""

from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated

PATH = "/metadata/endpoints"
VERSION = "2022-09-01"
NAME = "Dormouse"
AUDIENCES = ["https://management.azure.com/", "https://management.core.windows.net/"]


def answer(request: Request, port: int, login: str, graph: str) -> Answer:
    """The endpoints of this cloud; Microsoft Graph has one, where everything gets a 501."""
    if request.version != VERSION:
        raise not_simulated(f"{PATH} in API version {request.version}")
    cloud: dict[str, Any] = {
        "name": NAME,
        "authentication": {
            "loginEndpoint": f"https://{login}:{port}",
            "audiences": AUDIENCES,
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": request.base,
        "microsoftGraphResourceId": f"https://{graph}:{port}/",
        "suffixes": {"keyVaultDns": f"vault.localhost:{port}", "storage": f"localhost:{port}"},
    }
    return Answer(200, cloud)
