"""Key vaults of environments, whose secrets only roles open.

https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/create-or-update
"""

from dormouse.resources.kinds import Observed, Outputs, ResourceKind
from dormouse.resources.naming import unique_name
from dormouse.resources.network import in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

VAULTS = "Microsoft.KeyVault/vaults"
# The shortest that Azure allows. https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview
RETENTION_DAYS = 7


def key_vault(target: DeploymentTarget, name: str = "vault") -> Resource:
    """A vault with a globally unique name; the requests add the tenant.

    Its name stays reserved for seven days after its deletion, and with the name what was in it: another vault of the same
    environment recovers it. It is never protected from being purged, because that could not be taken back.
    """
    properties = {
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "accessPolicies": [],
        "softDeleteRetentionInDays": RETENTION_DAYS,
        "publicNetworkAccess": "Enabled",
    }
    return in_group(target, name, KEY_VAULT, unique_name("kv", target.environment, target.root), {"properties": properties})


def vault_outputs(observed: Observed) -> Outputs:
    """The `id` and the `url` of a vault."""
    return {"id": str(observed["id"]), "url": str(observed["properties"].get("vaultUri", ""))}


KEY_VAULT = ResourceKind(
    "key_vault",
    VAULTS,
    "2026-05-15",
    outputs=vault_outputs,
    soft_deleted=True,
    actions=(
        "Microsoft.Resources/subscriptions/read",
        "Microsoft.KeyVault/deletedVaults/read",
        "Microsoft.KeyVault/locations/deletedVaults/read",
        "Microsoft.KeyVault/locations/deletedVaults/purge/action",
        "Microsoft.KeyVault/locations/operationResults/read",
    ),
)
