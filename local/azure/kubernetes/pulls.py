"""Whether a node can pull an image: the image exists, and the identity of the kubelet may read its registry.

https://learn.microsoft.com/azure/aks/cluster-container-registry-integration,
https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/cannot-pull-image-from-acr-to-aks-cluster
"""

from local.azure.kubernetes.objects import Server
from local.azure.providers.containers import images
from local.azure.providers.containers.admission import holds

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
REPOSITORY_READER = "b93aa761-3e63-49ed-ac28-beffa264f7ac"
DOCKER_HUB = "docker.io"


def parted(image: str) -> tuple[str, str, str]:
    """The registry, the repository, and the tag or digest of a reference as containerd reads it."""
    name, _, digest = image.partition("@")
    first, separator, rest = name.partition("/")
    hosted = bool(separator) and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if hosted else (DOCKER_HUB, name)
    repository, _, tag = path.partition(":")
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return host, repository, digest or tag or "latest"


def refusal(server: Server, image: str) -> str:
    """Why an image cannot be pulled, as containerd words it, or ""."""
    host, repository, reference = parted(image)
    start = (
        f'Failed to pull image "{image}": failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
    )
    if host.endswith(images.OWN):
        registry = images.registry_called(server.world, host)
        if registry is None:
            return f'{start}failed to do request: Head "https://{host}/v2/{repository}/manifests/{reference}": dial tcp: lookup {host}: no such host'
        abac = registry["properties"].get("roleAssignmentMode") == "AbacRepositoryPermissions"
        kubelet = server.cluster["properties"]["identityProfile"]["kubeletidentity"]["objectId"]
        if not holds(server.world, kubelet, REPOSITORY_READER if abac else ACR_PULL, registry["id"]):
            scope = f"scope=repository%3A{repository}%3Apull&service={host}"
            return f"{start}failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://{host}/oauth2/token?{scope}: 401 Unauthorized"
    if not images.exists(server.world, host, repository, reference):
        return f"{start}{host}/{repository}:{reference}: not found"
    return ""
