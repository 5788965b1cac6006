"""The table of Azure's error codes: which are transient, which are final, what each means, and what to do.

`docs/refusals.md` shows the same table to users, and `refusal_lookup` finds the rule for an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dormouse.environments.results import RefusalReason

Reason = RefusalReason


class Later(StrEnum):
    """The same request may succeed later: `not_now` until it does, `once` if it is repeated once."""

    NOT_NOW = "not_now"
    ONCE = "once"


NOT_NOW, ONCE = Later.NOT_NOW, Later.ONCE


@dataclass(frozen=True, slots=True)
class Rule:
    """What an error code means if its message has this text (in lower case; "": any), and what to do ("": as usual)."""

    code: str
    meaning: RefusalReason | Later
    text: str = ""
    advice: str = ""
    source: str = ""


def _rules(source: str, meaning: RefusalReason | Later, *codes: str, text: str = "", advice: str = "") -> Iterator[Rule]:
    for code in codes:
        yield Rule(code, meaning, text, advice, source)


ERRORS = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors"
ALLOCATION = "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/allocation-failure"
HIBERNATION = "https://learn.microsoft.com/azure/virtual-machines/hibernate-resume-troubleshooting"
VM_ERRORS = "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/error-messages"
QUOTA = "https://github.com/Azure/karpenter-provider-azure/issues/192"
SKU = "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-sku-not-available"
VAULT = "https://learn.microsoft.com/azure/key-vault/general/common-error-codes"
NETWORK = "https://github.com/openshift/openshift-azure/issues/2252"
EPHEMERAL = "https://learn.microsoft.com/azure/virtual-machines/ephemeral-os-disks"
SPOT = "https://learn.microsoft.com/azure/virtual-machines/error-codes-spot"
RESIZE = "https://github.com/MicrosoftDocs/azure-docs/pull/76920"
LEARNING = "https://github.com/Azure/mlops-v2/issues/81"
ENDPOINTS = "https://github.com/MicrosoftDocs/azure-docs/issues/121466"
KUBERNETES = "https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/welcome-azure-kubernetes"
COMMANDS = "https://learn.microsoft.com/azure/aks/access-private-cluster"
VERSIONS = "https://github.com/microsoft/farmvibes-ai/issues/130"
DRIVER = "https://github.com/MicrosoftDocs/azure-docs/issues/111614"
EXTENSION = "https://github.com/Azure/azure-cli/issues/24486"
BUILDS = "https://github.com/MicrosoftDocs/azure-docs/issues/123350"
OWNERS = "https://github.com/Azure/aks-engine/issues/1146"
NEW_ROLES = "https://github.com/Azure/azure-cli/issues/20727"
ROLES = "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting"

LESS_IS_MORE = "Azure has no capacity for these constraints together; drop the zone, or choose another size or region."
WAIT = "Azure has no capacity to resume the VM now; start it later. Its memory stays on its disk."
OTHER_DISK = "The OS disk is smaller than the image; choose a larger disk."
OTHER_IMAGE = "The VM size cannot boot images of this generation; choose another size or image."
NO_ROOM = "The VM size has too little local storage for an ephemeral OS disk of this size; choose another size or disk."
OTHER_STORAGE = "The VM size cannot use disks of this kind; choose another size or kind of disk."
ALIKE = "A VM cannot change between sizes with and without a local temporary disk; choose a size like the present one."
STOP_FIRST = "The hardware on which the VM runs does not have this size; stop the VM first."
DELETE_IT = "A VM with an ephemeral OS disk cannot be stopped; delete it, or use another kind of disk."
OTHER_SIZE = "This subscription cannot use this VM size here; choose another size or region."
RAISE_IT = "Spot VMs of this size cost more than `max_price` now; raise it, or wait until the price falls."
NEVER_SPOT = "Azure has no Spot VMs of this size; choose another size, or `priority: regular`."
OTHER_ZONE = "The size is not offered in this availability zone; choose another zone or none."
OTHER_OWNER = "A disk belongs to one VM at a time; detach it there first, or use another disk."
TERMS = "The image's marketplace terms have not been accepted in this subscription; accept them, or choose another image."
LOCKED = "An Azure lock on the resource, its group or its subscription forbids this; remove the lock and retry."
DISABLED = "The subscription is disabled; an administrator must enable it again."
POLICY = "An Azure policy forbids this; change the spec, or ask the owner of the policy assignment for an exemption."
OWN_QUOTA = "Azure Machine Learning has quotas of its own, by region and VM family, and this one does not suffice."
OWN_ROLES = "The control plane's identity may not assign the roles that the cluster needs."
OTHER_VERSION = "Azure does not offer this Kubernetes version in the region; choose another version."
NO_NODE = "No node of the cluster can run the command of Azure; it needs a node without taints."
OTHER_SUBNET = "The subnet does not fit; choose another subnet or address range."
BUILDER = "The workspace cannot build images on this compute; name an existing cluster for image builds."
FIREWALL = "The firewall of the vault does not admit the control plane."
NO_KEYS = "The storage account does not accept keys; use an identity."
STILL_ASSIGNED = "Azure keeps a role that is assigned; delete its assignments, wherever they are, then the role."
PACKAGE_LOCK = "Another process inside the VM held the lock of its package manager; apply the spec again later."

# What was asked for does not exist.
ABSENT = ("ResourceGroupNotFound", "ResourceNotFound", "NotFound", "ParentResourceNotFound", "RoleAssignmentNotFound")

RULES = (
    *_rules(ALLOCATION, Reason.NO_CAPACITY, "AllocationFailed", "ZonalAllocationFailed"),
    *_rules(ALLOCATION, Reason.NO_CAPACITY, "OverconstrainedAllocationRequest", advice=LESS_IS_MORE),
    *_rules(ALLOCATION, Reason.NO_CAPACITY, "OverconstrainedZonalAllocationRequest", advice=LESS_IS_MORE),
    *_rules(HIBERNATION, Reason.NO_CAPACITY, "OverconstrainedResumeFromHibernatedStateAllocationRequest", advice=WAIT),
    *_rules(SKU, Reason.NO_CAPACITY, "SkuNotAvailable", "SKUNotAvailable"),
    *_rules(SPOT, Reason.TOO_EXPENSIVE, "SpotPriceGreaterThanProvidedMaxPrice", advice=RAISE_IT),
    *_rules(SPOT, Reason.NOT_OFFERED, "AzureSpotIsNotSupportedForThisVMSize", advice=NEVER_SPOT),
    *_rules(KUBERNETES, Reason.NO_CAPACITY, "AksCapacityHeavyUsage"),
    # This code is everything that Compute and Container Service do not allow.
    *_rules(KUBERNETES, NOT_NOW, "OperationNotAllowed", text="another operation"),
    *_rules(QUOTA, Reason.QUOTA_EXCEEDED, "OperationNotAllowed", text="quota"),
    *_rules(NETWORK, Reason.QUOTA_EXCEEDED, "OperationNotAllowed", text="public ip addresses"),
    *_rules(
        "https://github.com/Azure/azure-sdk-for-python/issues/23051",
        Reason.INCOMPATIBLE,
        "OperationNotAllowed",
        text="disk size",
        advice=OTHER_DISK,
    ),
    *_rules(
        "https://github.com/CodeValet/codevalet/issues/54",
        Reason.INCOMPATIBLE,
        "OperationNotAllowed",
        text="number of data disks",
        advice="The VM size takes fewer data disks; choose a larger size, or fewer disks.",
    ),
    *_rules(EPHEMERAL, Reason.CONFLICT, "OperationNotAllowed", text="ephemeral os disk", advice=DELETE_IT),
    *_rules(RESIZE, Reason.INCOMPATIBLE, "OperationNotAllowed", text="non-resource disk", advice=ALIKE),
    *_rules(VM_ERRORS, Reason.CONFLICT, "OperationNotAllowed", text="hardware cluster", advice=STOP_FIRST),
    *_rules(VM_ERRORS, Reason.CONFLICT, "OperationNotAllowed"),
    # These codes say nothing, but some of their messages do.
    *_rules(
        "https://github.com/loft-sh/devpod/issues/731",
        Reason.INCOMPATIBLE,
        *("BadRequest", "InvalidParameter"),
        text="cannot boot hypervisor generation",
        advice=OTHER_IMAGE,
    ),
    *_rules(
        "https://github.com/google/cloud-forensics-utils/issues/488",
        Reason.INCOMPATIBLE,
        "InvalidParameter",
        text="does not support the storage account type",
        advice=OTHER_STORAGE,
    ),
    *_rules(RESIZE, Reason.INCOMPATIBLE, "InvalidParameter", "BadRequest", text="non-resource disk", advice=ALIKE),
    *_rules(SKU, Reason.NOT_OFFERED, "InvalidParameter", text="provided for the vm size is not valid", advice=OTHER_SIZE),
    *_rules(SKU, Reason.NOT_OFFERED, "BadRequest", text="not allowed in your subscription", advice=OTHER_SIZE),
    *_rules(LEARNING, Reason.QUOTA_EXCEEDED, "BadRequest", "UserError", text="vcpu quota of", advice=OWN_QUOTA),
    *_rules(LEARNING, Reason.QUOTA_EXCEEDED, "BadRequest", "UserError", text="exceeding quota limits", advice=OWN_QUOTA),
    *_rules(
        "https://github.com/Azure/ResourceModules/issues/3596",
        Reason.SOFT_DELETED,
        *("BadRequest", "Conflict"),
        text="soft-deleted workspace exists",
    ),
    *_rules(
        "https://github.com/cloudfoundry/bosh-azure-cpi-release/pull/674",
        Reason.INCOMPATIBLE,
        "NotSupported",
        text="ephemeral",
        advice=NO_ROOM,
    ),
    *_rules(VM_ERRORS, NOT_NOW, "Conflict", text="run command extension execution is in progress"),
    # Compute
    *_rules(QUOTA, Reason.QUOTA_EXCEEDED, "QuotaExceeded", "ResourceQuotaExceeded"),
    *_rules(KUBERNETES, Reason.NOT_OFFERED, "VMSizeNotSupported", advice=OTHER_SIZE),
    *_rules(SKU, Reason.NOT_OFFERED, "InvalidAvailabilityZone", "AvailabilityZoneNotSupported", advice=OTHER_ZONE),
    *_rules(VM_ERRORS, Reason.NOT_FOUND, "PlatformImageNotFound", "ImageNotFound"),
    *_rules(ERRORS, Reason.CONFLICT, "ResourcePurchaseValidationFailed", advice=TERMS),
    *_rules(ERRORS, Reason.CONFLICT, "MarketplacePurchaseEligibilityFailed", advice=TERMS),
    # At the first boot, the system's own updates may hold the lock, and the extension does not wait for it.
    *_rules(DRIVER, ONCE, "VMExtensionProvisioningError", text="lock-frontend", advice=PACKAGE_LOCK),
    *_rules(EXTENSION, ONCE, "VMExtensionProvisioningError", text="could not get lock", advice=PACKAGE_LOCK),
    *_rules(VM_ERRORS, NOT_NOW, "AttachDiskWhileBeingDetached", "OperationPreempted", "AllocationTimeout"),
    *_rules(VM_ERRORS, Reason.CONFLICT, "PropertyChangeNotAllowed", "NicInUse"),
    *_rules(OWNERS, Reason.CONFLICT, "ConflictingUserInput", text="already owned by vm", advice=OTHER_OWNER),
    # Network
    *_rules(NETWORK, Reason.QUOTA_EXCEEDED, "PublicIPCountLimitReached", "StaticPublicIPCountLimitReached"),
    *_rules(ERRORS, NOT_NOW, "AnotherOperationInProgress", "RetryableError", "RetryableErrorDueToAnotherOperation"),
    *_rules(ERRORS, Reason.CONFLICT, "InUseSubnetCannotBeDeleted", "InUseNetworkSecurityGroupCannotBeDeleted"),
    *_rules(ERRORS, Reason.INCOMPATIBLE, "NetcfgSubnetRangesOverlap", "NetcfgSubnetRangeOutsideVnet", advice=OTHER_SUBNET),
    # Storage
    *_rules(ERRORS, Reason.NAME_TAKEN, "StorageAccountAlreadyTaken", "StorageAccountAlreadyExists"),
    *_rules(ERRORS, Reason.BAD_REQUEST, "AccountNameInvalid", "ReservedResourceName"),
    *_rules(ERRORS, Reason.QUOTA_EXCEEDED, "MaxStorageAccountsCountPerSubscriptionExceeded"),
    *_rules(ERRORS, Reason.FORBIDDEN, "KeyBasedAuthenticationNotPermitted", advice=NO_KEYS),
    *_rules(ERRORS, NOT_NOW, "StorageAccountIsNotProvisioned", "StorageAccountOperationInProgress"),
    # Key Vault
    *_rules(VAULT, Reason.SOFT_DELETED, "ConflictError", text="deleted state"),
    *_rules(VAULT, NOT_NOW, "ConflictError", "ObjectIsBeingDeleted"),
    *_rules(VAULT, Reason.NAME_TAKEN, "VaultAlreadyExists"),
    *_rules(VAULT, Reason.FORBIDDEN, "Forbidden", "ForbiddenByRbac"),
    *_rules(VAULT, Reason.FORBIDDEN, "ForbiddenByFirewall", "ForbiddenByConnection", advice=FIREWALL),
    # Machine Learning
    *_rules(LEARNING, Reason.QUOTA_EXCEEDED, "ClusterMinNodesExceedCoreQuota", "ClusterCoreQuotaReached", advice=OWN_QUOTA),
    *_rules(ENDPOINTS, Reason.QUOTA_EXCEEDED, "JobNodeCountExceedsCoreQuota", "OutOfQuota", advice=OWN_QUOTA),
    *_rules(BUILDS, Reason.INCOMPATIBLE, "ImageBuildComputeNotValid", advice=BUILDER),
    # Kubernetes
    *_rules(KUBERNETES, Reason.QUOTA_EXCEEDED, "ErrCode_InsufficientVCPUQuota", "InsufficientVCPUQuota"),
    *_rules(KUBERNETES, Reason.QUOTA_EXCEEDED, "ManagedClusterCountExceedsQuotaLimit"),
    *_rules(VERSIONS, Reason.NOT_OFFERED, "K8sVersionNotSupported", "AgentPoolK8sVersionNotSupported", advice=OTHER_VERSION),
    *_rules(KUBERNETES, Reason.INCOMPATIBLE, "NodePoolMcVersionIncompatible", advice=OTHER_VERSION),
    *_rules(
        KUBERNETES,
        Reason.INCOMPATIBLE,
        *("ServiceCidrOverlapExistingSubnetsCidr", "SubnetIsDelegated", "InsufficientSubnetSize"),
        advice=OTHER_SUBNET,
    ),
    *_rules(KUBERNETES, Reason.NAME_TAKEN, "NodeResourceGroupAlreadyExists"),
    *_rules(KUBERNETES, Reason.FORBIDDEN, "CreateRoleAssignmentError", advice=OWN_ROLES),
    *_rules(KUBERNETES, NOT_NOW, "AKSOperationPreempted", "ServicePrincipalNotFound", "Throttled"),
    *_rules(KUBERNETES, NOT_NOW, "CustomKubeletIdentityMissingPermissionError"),
    *_rules(KUBERNETES, Reason.CONFLICT, "AKSOperationPreemptedByDelete"),
    *_rules(COMMANDS, NOT_NOW, "KubernetesPerformanceError"),
    *_rules(COMMANDS, Reason.CONFLICT, "KubernetesOperationError", advice=NO_NODE),
    *_rules(KUBERNETES, Reason.NOT_REGISTERED, "PreviewFeatureNotRegistered"),
    # Roles and registries
    *_rules(ROLES, Reason.CONFLICT, "RoleDefinitionHasAssignments", advice=STILL_ASSIGNED),
    *_rules(ROLES, Reason.NAME_TAKEN, "RoleDefinitionWithSameNameExists"),
    *_rules(NEW_ROLES, NOT_NOW, "RoleDefinitionDoesNotExist"),
    *_rules(ERRORS, Reason.NAME_TAKEN, "AlreadyInUse"),
    # Every resource provider
    *_rules(ERRORS, Reason.FORBIDDEN, "AuthorizationFailed", "LinkedAuthorizationFailed"),
    # With the status 400.
    *_rules("https://github.com/Azure/mpf/issues/44", Reason.FORBIDDEN, "LinkedAccessCheckFailed"),
    *_rules(ERRORS, Reason.FORBIDDEN, "RequestDisallowedByPolicy", advice=POLICY),
    *_rules(
        ERRORS,
        Reason.FORBIDDEN,
        "DenyAssignmentAuthorizationFailed",
        advice="A deny assignment forbids this; another Azure service manages the resource.",
    ),
    *_rules(
        ERRORS, Reason.FORBIDDEN, "DisallowedOperation", advice="The Azure service that manages the resource forbids this."
    ),
    *_rules(ERRORS, Reason.NOT_REGISTERED, "MissingSubscriptionRegistration", "SubscriptionNotRegistered"),
    *_rules(ERRORS, Reason.CONFLICT, "ReadOnlyDisabledSubscription", advice=DISABLED),
    *_rules(ERRORS, Reason.CONFLICT, "ScopeLocked", advice=LOCKED),
    *_rules(ERRORS, Reason.CONFLICT, "ResourceGroupBeingDeleted", "CannotDeleteResource"),
    *_rules(ERRORS, Reason.NOT_OFFERED, "LocationNotAvailableForResourceType", "LocationNotAvailableForResourceGroup"),
    *_rules(ERRORS, Reason.QUOTA_EXCEEDED, "RoleAssignmentLimitExceeded", "RoleDefinitionLimitExceeded"),
    *_rules(ERRORS, Reason.NOT_FOUND, *ABSENT),
    *_rules(
        ERRORS,
        Reason.NOT_FOUND,
        "SubscriptionNotFound",
        advice="Azure does not know the subscription; check its ID, and whether it was deleted.",
    ),
    # A new identity takes a while to replicate.
    *_rules(ERRORS, NOT_NOW, "PrincipalNotFound"),
    *_rules(ERRORS, NOT_NOW, "TooManyRequests", "SubscriptionRequestsThrottled", "ResourceRequestsThrottled"),
    *_rules(ERRORS, NOT_NOW, "ServerTimeout"),
)
