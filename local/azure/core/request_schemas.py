"""The allowed content of request bodies: a property that is not simulated is refused with an error, never silently ignored."""

from collections.abc import Mapping
from typing import Any

from local.azure.core.container_schemas import CONTAINERS
from local.azure.core.network_schemas import NETWORK
from local.azure.core.platform_schemas import PLATFORM
from local.azure.core.responses import not_simulated
from local.azure.core.schema_parts import ANY, NOTHING, PART, READ_ONLY, TAGGED, Only
from local.azure.providers.kinds import (
    ACCOUNT,
    CONTAINER,
    DISK,
    EXTENSION,
    GROUP,
    KEY_VAULT,
    MACHINE,
    ROLE,
    SNAPSHOT,
)

LINUX = {
    "disablePasswordAuthentication": ANY,
    "ssh": {"publicKeys": ANY},
    "provisionVMAgent": Only(True),
    "patchSettings": {"patchMode": Only("ImageDefault"), "assessmentMode": Only("ImageDefault")},
    "enableVMAgentPlatformUpdates": ANY,
}
WINDOWS = {
    "provisionVMAgent": Only(True),
    "enableAutomaticUpdates": ANY,
    "patchSettings": {"patchMode": Only("AutomaticByOS"), "assessmentMode": Only("ImageDefault")},
    "enableVMAgentPlatformUpdates": ANY,
}
OS_DISK = {
    **dict.fromkeys(("name", "caching", "diskSizeGB", "deleteOption"), ANY),
    "createOption": Only("FromImage", "Attach"),
    "osType": Only("Linux", "Windows"),
    "managedDisk": {"id": ANY, "storageAccountType": ANY},
}
DATA_DISK = {
    **dict.fromkeys(("lun", "name", "caching", "diskSizeGB", "deleteOption", "toBeDetached"), ANY),
    "createOption": Only("Empty", "Attach"),
    "detachOption": Only("ForceDetach"),
    "managedDisk": {"id": ANY, "storageAccountType": ANY},
}
AUTOMATIC = {"automaticallyApprove": ANY}
ASSIGNED = ("roleDefinitionId", "principalId", "principalType", "description", "condition", "conditionVersion")
MACHINE_PROPERTIES: dict[str, Any] = {
    **READ_ONLY,
    "hardwareProfile": {"vmSize": ANY, "vmSizeProperties": {"vCPUsAvailable": ANY, "vCPUsPerCore": ANY}},
    "storageProfile": {
        "imageReference": dict.fromkeys(("publisher", "offer", "sku", "version", "exactVersion"), ANY),
        "osDisk": OS_DISK,
        "dataDisks": [DATA_DISK],
        "diskControllerType": Only("SCSI"),
    },
    "osProfile": {
        **dict.fromkeys(("computerName", "adminUsername", "adminPassword", "customData"), ANY),
        "linuxConfiguration": LINUX,
        "windowsConfiguration": WINDOWS,
        "secrets": NOTHING,
        "allowExtensionOperations": ANY,
        "requireGuestProvisionSignal": Only(True),
    },
    "securityProfile": {
        "securityType": Only("TrustedLaunch", "Standard"),
        "uefiSettings": ANY,
        "encryptionIdentity": {"userAssignedIdentityResourceId": ANY},
    },
    "networkProfile": {"networkInterfaces": [{"id": ANY, "properties": {"primary": Only(True), "deleteOption": ANY}}]},
    "priority": Only("Regular", "Spot"),
    "evictionPolicy": Only("Deallocate"),
    "billingProfile": {"maxPrice": ANY},
    "additionalCapabilities": {"hibernationEnabled": ANY, "ultraSSDEnabled": ANY},
    "diagnosticsProfile": {"bootDiagnostics": {"enabled": ANY, "storageUri": ANY}},
    "scheduledEventsPolicy": {
        "userInitiatedRedeploy": AUTOMATIC,
        "userInitiatedReboot": AUTOMATIC,
        "scheduledEventsAdditionalPublishingTargets": {"eventGridAndResourceGraph": {"enable": ANY}},
    },
    "vmId": ANY,
    "timeCreated": ANY,
}
ACCOUNT_PROPERTIES: dict[str, Any] = {
    **READ_ONLY,
    **dict.fromkeys(("minimumTlsVersion", "allowBlobPublicAccess", "allowSharedKeyAccess", "supportsHttpsTrafficOnly"), ANY),
    **dict.fromkeys(("accessTier", "allowCrossTenantReplication", "defaultToOAuthAuthentication"), ANY),
    "publicNetworkAccess": Only("Enabled"),
    "networkAcls": {
        "defaultAction": Only("Allow"),
        "bypass": ANY,
        "ipRules": NOTHING,
        "virtualNetworkRules": NOTHING,
        "ipv6Rules": NOTHING,
    },
    "encryption": {"services": ANY, "keySource": Only("Microsoft.Storage"), "requireInfrastructureEncryption": Only(False)},
    "isHnsEnabled": Only(False),
    "isNfsV3Enabled": Only(False),
    "isSftpEnabled": Only(False),
}
ASKED: dict[str, Mapping[str, Any]] = {
    **PLATFORM,
    **NETWORK,
    **CONTAINERS,
    GROUP: {**TAGGED, "managedBy": ANY, "properties": ANY},
    ACCOUNT: {
        **TAGGED,
        "sku": {"name": Only("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_RAGRS"), "tier": ANY},
        "kind": Only("StorageV2"),
        "properties": ACCOUNT_PROPERTIES,
    },
    CONTAINER: {**PART, "properties": {"publicAccess": Only("None"), "metadata": ANY}},
    MACHINE: {
        **TAGGED,
        "zones": ANY,
        "identity": {
            "type": Only("SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned", "None"),
            **dict.fromkeys(("principalId", "tenantId", "userAssignedIdentities"), ANY),
        },
        "properties": MACHINE_PROPERTIES,
    },
    DISK: {
        **TAGGED,
        "sku": {"name": ANY, "tier": ANY},
        "zones": ANY,
        "properties": {
            **READ_ONLY,
            "creationData": {"createOption": Only("Empty")},
            **dict.fromkeys(("diskSizeGB", "diskIOPSReadWrite", "diskMBpsReadWrite", "tier", "hyperVGeneration"), ANY),
            "encryption": {"type": Only("EncryptionAtRestWithPlatformKey")},
            "networkAccessPolicy": Only("AllowAll", "DenyAll"),
            "publicNetworkAccess": Only("Enabled"),
            "supportedCapabilities": {"architecture": ANY},
        },
    },
    SNAPSHOT: {
        **TAGGED,
        "properties": {**READ_ONLY, "creationData": {"createOption": Only("Copy"), "sourceResourceId": ANY}},
    },
    EXTENSION: {
        **TAGGED,
        "properties": {
            **READ_ONLY,
            **dict.fromkeys(
                ("publisher", "type", "typeHandlerVersion", "autoUpgradeMinorVersion", "settings", "protectedSettings"), ANY
            ),
            **dict.fromkeys(("enableAutomaticUpgrade", "forceUpdateTag", "suppressFailures"), ANY),
        },
    },
    ROLE: {**PART, "properties": dict.fromkeys(ASSIGNED, ANY)},
    KEY_VAULT: {
        **TAGGED,
        "properties": {
            **READ_ONLY,
            **dict.fromkeys(
                ("tenantId", "sku", "enableRbacAuthorization", "softDeleteRetentionInDays", "enablePurgeProtection"), ANY
            ),
            **dict.fromkeys(("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"), ANY),
            "accessPolicies": NOTHING,
            "enableSoftDelete": Only(True),
            "publicNetworkAccess": Only("Enabled"),
            "createMode": Only("default", "recover"),
            "vaultUri": ANY,
        },
    },
}


def check(kind: str, body: Mapping[str, Any]) -> None:
    """Raise a 501 for the first property of a body that is not simulated."""
    _check(kind, body, ASKED[kind], "")


def _check(kind: str, given: Any, known: Any, where: str) -> None:
    if known is ANY or given is None or given in ({}, []):
        return
    if isinstance(known, Only):
        if given not in known.values:
            raise not_simulated(f"{where} = {given!r} of {kind}")
        return
    if isinstance(known, list):
        for item in given:
            _check(kind, item, known[0], f"{where}[]")
        return
    for name, value in given.items():
        place = f"{where}.{name}".lstrip(".")
        if name not in known:
            raise not_simulated(f"{place} of {kind}")
        _check(kind, value, known[name], place)
