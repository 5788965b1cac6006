"""The allowed content of request bodies of managed clusters and their agent pools."""

from collections.abc import Mapping
from typing import Any

from local.azure.core.schema_parts import ANY, NOTHING, PART, READ_ONLY, TAGGED, Only
from local.azure.providers.kinds import CLUSTER, POOL

POOL_PROPERTIES: dict[str, Any] = {
    **READ_ONLY,
    **dict.fromkeys(
        ("count", "vmSize", "minCount", "maxCount", "enableAutoScaling", "mode", "nodeLabels", "nodeTaints"), ANY
    ),
    **dict.fromkeys(("osDiskSizeGB", "maxPods", "orchestratorVersion", "tags", "availabilityZones", "vnetSubnetID"), ANY),
    **dict.fromkeys(("currentOrchestratorVersion", "nodeImageVersion", "eTag", "status", "spotMaxPrice"), ANY),
    "osDiskType": Only("Managed", "Ephemeral"),
    "kubeletDiskType": Only("OS"),
    "type": Only("VirtualMachineScaleSets"),
    "scaleDownMode": Only("Delete"),
    "powerState": {"code": Only("Running", "Stopped")},
    "enableNodePublicIP": Only(False),
    "osType": Only("Linux"),
    "osSKU": Only("Ubuntu", "AzureLinux"),
    "upgradeSettings": {"maxSurge": ANY, "maxUnavailable": ANY},
    "enableFIPS": Only(False),
    "enableEncryptionAtHost": Only(False),
    "enableUltraSSD": Only(False),
    "securityProfile": {"sshAccess": Only("LocalUser"), "enableVTPM": Only(False), "enableSecureBoot": Only(False)},
    "scaleSetPriority": Only("Regular", "Spot"),
    "scaleSetEvictionPolicy": Only("Delete"),
    "gpuProfile": {"driver": Only("Install")},
    "virtualMachineNodesStatus": NOTHING,
}
ENABLED = {"enabled": ANY}
CONTAINERS: dict[str, Mapping[str, Any]] = {
    POOL: {**PART, "properties": POOL_PROPERTIES},
    CLUSTER: {
        **TAGGED,
        "kind": Only("Base"),
        "sku": {"name": Only("Base"), "tier": Only("Free", "Standard")},
        "identity": {
            "type": Only("SystemAssigned", "UserAssigned"),
            **dict.fromkeys(("principalId", "tenantId", "userAssignedIdentities"), ANY),
            "delegatedResources": NOTHING,
        },
        "properties": {
            **READ_ONLY,
            **dict.fromkeys(
                ("dnsPrefix", "nodeResourceGroup", "enableRBAC", "disableLocalAccounts", "kubernetesVersion"), ANY
            ),
            **dict.fromkeys(("powerState", "currentKubernetesVersion", "fqdn", "azurePortalFQDN", "maxAgentPools"), ANY),
            **dict.fromkeys(("resourceUID", "servicePrincipalProfile", "metricsProfile", "bootstrapProfile"), ANY),
            **dict.fromkeys(("nodeProvisioningProfile", "storageProfile", "status"), ANY),
            "supportPlan": Only("KubernetesOfficial"),
            "aadProfile": {
                "managed": Only(True),
                "enableAzureRBAC": ANY,
                "tenantID": ANY,
                "adminGroupObjectIDs": NOTHING,
            },
            "addonProfiles": {"azurepolicy": {"enabled": ANY, "config": ANY, "identity": ANY}},
            "identityProfile": {"kubeletidentity": dict.fromkeys(("resourceId", "clientId", "objectId"), ANY)},
            "oidcIssuerProfile": {**ENABLED, "issuerURL": ANY},
            "securityProfile": {"workloadIdentity": ENABLED},
            "networkProfile": {
                "networkPlugin": Only("azure", "kubenet", "none"),
                "networkPluginMode": Only("overlay"),
                "networkPolicy": Only("none", "azure"),
                "networkDataplane": Only("azure"),
                "loadBalancerSku": ANY,
                "loadBalancerProfile": ANY,
                "outboundType": Only("loadBalancer", "userAssignedNATGateway", "userDefinedRouting", "none"),
                **dict.fromkeys(("podCidr", "serviceCidr", "dnsServiceIP", "podCidrs", "serviceCidrs", "ipFamilies"), ANY),
            },
            "autoUpgradeProfile": {"upgradeChannel": ANY, "nodeOSUpgradeChannel": ANY},
            "autoScalerProfile": {
                **dict.fromkeys(("scale-down-unneeded-time", "scale-down-delay-after-add", "scan-interval"), ANY),
                "max-node-provision-time": ANY,
            },
            "apiServerAccessProfile": {"enablePrivateCluster": ANY, "authorizedIPRanges": NOTHING, "disableRunCommand": ANY},
            "linuxProfile": ANY,
            "windowsProfile": {"adminUsername": ANY, "enableCSIProxy": ANY},
            "workloadAutoScalerProfile": {"keda": {"enabled": Only(False)}},
            "privateLinkResources": NOTHING,
            "enablePodSecurityPolicy": Only(False),
            "agentPoolProfiles": [{"name": ANY, **POOL_PROPERTIES}],
        },
    },
}
