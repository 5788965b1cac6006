"""The allowed content of request bodies of resources without machines: monitoring, registries, identities, ML workspaces."""

from collections.abc import Mapping
from typing import Any

from local.azure.core.schema_parts import ANY, NOTHING, PART, READ_ONLY, TAGGED, Only
from local.azure.providers.kinds import (
    ACTION_GROUP,
    BUDGET,
    COMPONENT,
    DATASTORE,
    DIAGNOSTIC_SETTING,
    IDENTITY,
    LOG_WORKSPACE,
    ML_COMPUTE,
    ML_WORKSPACE,
    REGISTRY,
    ROLE_DEFINITION,
    SMART_DETECTOR,
)

CATEGORY = dict.fromkeys(("category", "categoryGroup", "enabled", "retentionPolicy", "timeGrain"), ANY)

PLATFORM: dict[str, Mapping[str, Any]] = {
    IDENTITY: TAGGED,
    LOG_WORKSPACE: {
        **TAGGED,
        "properties": {
            **READ_ONLY,
            "sku": {"name": ANY},
            **dict.fromkeys(("retentionInDays", "publicNetworkAccessForIngestion", "publicNetworkAccessForQuery"), ANY),
            "features": {"disableLocalAuth": ANY, "enableLogAccessUsingOnlyResourcePermissions": ANY},
            "workspaceCapping": {"dailyQuotaGb": ANY},
        },
    },
    REGISTRY: {
        **TAGGED,
        "sku": {"name": Only("Basic", "Standard", "Premium"), "tier": ANY},
        "identity": {"type": Only("UserAssigned", "userAssigned"), "userAssignedIdentities": ANY},
        "properties": {
            **READ_ONLY,
            **dict.fromkeys(("adminUserEnabled", "anonymousPullEnabled", "publicNetworkAccess", "zoneRedundancy"), ANY),
            **dict.fromkeys(("networkRuleBypassOptions", "metadataSearch"), ANY),
            "networkRuleSet": {"defaultAction": ANY, "ipRules": NOTHING},
            "dataEndpointEnabled": Only(False),
            "roleAssignmentMode": Only("LegacyRegistryPermissions"),
            "encryption": {"status": Only("disabled")},
            "policies": {
                "quarantinePolicy": {"status": Only("disabled")},
                "trustPolicy": {"type": ANY, "status": Only("disabled")},
                "retentionPolicy": {"days": ANY, "status": Only("disabled"), "lastUpdatedTime": ANY},
                "softDeletePolicy": {"retentionDays": ANY, "status": Only("disabled"), "lastUpdatedTime": ANY},
                "exportPolicy": {"status": ANY},
                "azureADAuthenticationAsArmPolicy": {"status": ANY},
            },
        },
    },
    COMPONENT: {
        **TAGGED,
        "kind": ANY,
        "properties": dict.fromkeys(("Application_Type", "WorkspaceResourceId", "DisableLocalAuth"), ANY),
    },
    ROLE_DEFINITION: {
        **PART,
        "properties": {
            **dict.fromkeys(("roleName", "type", "description", "assignableScopes"), ANY),
            "permissions": [dict.fromkeys(("actions", "notActions", "dataActions", "notDataActions"), ANY)],
        },
    },
    ML_WORKSPACE: {
        **TAGGED,
        "kind": Only("Default"),
        "sku": ANY,
        "identity": {"type": Only("SystemAssigned", "UserAssigned"), "userAssignedIdentities": ANY},
        "properties": {
            **READ_ONLY,
            **dict.fromkeys(("friendlyName", "description", "storageAccount", "keyVault", "applicationInsights"), ANY),
            **dict.fromkeys(("containerRegistry", "imageBuildCompute", "enableDataIsolation", "publicNetworkAccess"), ANY),
            "systemDatastoresAuthMode": Only("AccessKey", "Identity"),
            "allowPublicAccessWhenBehindVnet": Only(False),
            "hbiWorkspace": Only(False),
            "v1LegacyMode": Only(False),
            "managedNetwork": {
                "isolationMode": Only("Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound"),
                "outboundRules": ANY,
            },
            "provisionNetworkNow": ANY,
        },
    },
    ML_COMPUTE: {
        **TAGGED,
        "sku": ANY,
        "identity": {"type": Only("SystemAssigned", "UserAssigned"), "userAssignedIdentities": ANY},
        "properties": {
            **dict.fromkeys(("computeType", "computeLocation", "disableLocalAuth", "description"), ANY),
            "properties": {
                **dict.fromkeys(
                    ("vmSize", "vmPriority", "subnet", "enableNodePublicIp", "remoteLoginPortPublicAccess"), ANY
                ),
                "osType": Only("Linux"),
                "scaleSettings": dict.fromkeys(("minNodeCount", "maxNodeCount", "nodeIdleTimeBeforeScaleDown"), ANY),
            },
        },
    },
    DATASTORE: {
        **PART,
        "properties": {
            **dict.fromkeys(("datastoreType", "credentials", "description", "tags", "properties", "subscriptionId"), ANY),
            **dict.fromkeys(("accountName", "containerName", "endpoint", "protocol", "resourceGroup"), ANY),
            "serviceDataAccessAuthIdentity": ANY,
        },
    },
    ACTION_GROUP: {
        **TAGGED,
        "properties": {
            **dict.fromkeys(("groupShortName", "enabled"), ANY),
            "emailReceivers": ANY,
            **dict.fromkeys(("smsReceivers", "webhookReceivers", "eventHubReceivers"), NOTHING),
            **dict.fromkeys(("itsmReceivers", "azureAppPushReceivers", "automationRunbookReceivers"), NOTHING),
            **dict.fromkeys(("voiceReceivers", "logicAppReceivers", "azureFunctionReceivers", "armRoleReceivers"), NOTHING),
        },
    },
    SMART_DETECTOR: {
        **TAGGED,
        "properties": dict.fromkeys(
            ("description", "state", "severity", "frequency", "detector", "scope", "actionGroups"), ANY
        ),
    },
    DIAGNOSTIC_SETTING: {
        **PART,
        "properties": {
            **dict.fromkeys(("workspaceId", "storageAccountId", "logAnalyticsDestinationType"), ANY),
            "logs": [CATEGORY],
            "metrics": [CATEGORY],
        },
    },
    BUDGET: {
        **PART,
        "eTag": ANY,
        "properties": {
            "category": Only("Cost"),
            "timeGrain": Only("Monthly"),
            "amount": ANY,
            "timePeriod": {"startDate": ANY, "endDate": ANY},
            "notifications": ANY,
        },
    },
}
