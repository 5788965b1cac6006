"""The way to the API server of a cluster: its address and CA from Azure, and a token for it; no credential is kept.

https://learn.microsoft.com/azure/aks/manage-azure-rbac
"""

import base64
import re
from typing import TYPE_CHECKING, Any

from dormouse.cloud.plain_requests import send
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.answers import Pending, Refused
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.resources.kubernetes.clusters import API_VERSION

if TYPE_CHECKING:
    from dormouse.cloud.clients import Cloud
    from dormouse.cloud.kubernetes.api import KubernetesApi

# The application of AKS in every tenant. https://learn.microsoft.com/azure/aks/kubelogin-authentication
SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
SERVER = re.compile(r"^\s*server:[ \t]*[\"']?(?P<url>https://[^\s\"']+)", re.MULTILINE)
AUTHORITY = re.compile(r"^\s*certificate-authority-data:[ \t]*[\"']?(?P<data>[A-Za-z0-9+/=]+)", re.MULTILINE)
UNREADABLE = "Azure returned a kubeconfig without the address of the API server or its certificate authority."


async def api_of_cluster(cluster: str, cloud: "Cloud") -> "KubernetesApi":
    """The API of the cluster with this resource ID; raises CloudUnavailable and ReadRefused.

    Of the kubeconfig only address and CA are read: in a cluster without local accounts it holds no secret.
    https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
    """
    from dormouse.cloud.kubernetes.api import KubernetesApi

    path = f"{cluster}/listClusterUserCredential"
    answer, body = await send(cloud, "POST", path, API_VERSION, format="exec")
    if isinstance(answer, Refused):
        raise ReadRefused(answer.refusal)
    if isinstance(answer, Pending):
        raise CloudUnavailable(answer.detail or "Azure does not hand out the address of the cluster now; retry later.")
    url, authority = server_in(body)
    return KubernetesApi(cloud, url, authority)


def server_in(body: Any) -> tuple[str, str]:
    """The address of the API server (https) and its CA (PEM) in the response; raises ReadRefused if it has none."""
    for config in body.get("kubeconfigs") or []:
        text = base64.b64decode(str(config.get("value", ""))).decode(errors="replace")
        server, authority = SERVER.search(text), AUTHORITY.search(text)
        if server and authority:
            return server["url"].rstrip("/"), base64.b64decode(authority["data"]).decode(errors="replace")
    raise ReadRefused(Refusal(RefusalReason.CONFLICT, UNREADABLE))


async def cluster_token(cloud: "Cloud") -> str:
    """A token of the control plane's identity for API servers; raises CloudUnavailable."""
    from azure.core.exceptions import AzureError

    try:
        return (await cloud.credential.get_token(SCOPE)).token
    except AzureError as error:
        raise CloudUnavailable(f"There is no token for Kubernetes ({type(error).__name__}); retry later.") from error


async def own_principal(cloud: "Cloud") -> str:
    """The object ID of the control plane's identity, from its own token; raises CloudUnavailable.

    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    import jwt
    from azure.core.exceptions import AzureError

    try:
        token = (await cloud.credential.get_token(cloud.settings.azure_resource_manager_scope)).token
        claims = jwt.decode(token, options={"verify_signature": False})
    except (AzureError, jwt.PyJWTError) as error:
        raise CloudUnavailable(f"The control plane could not sign in ({type(error).__name__}); retry later.") from error
    return str(claims["oid"])
