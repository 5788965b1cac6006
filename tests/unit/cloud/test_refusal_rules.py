"""What Azure's messages mean, in the words in which Azure sent them (names left out)."""

from typing import Any

import pytest

from dormouse.cloud.error_bodies import error_in
from dormouse.cloud.error_codes import is_not_now, is_worth_one_more_try, late_refusal, refusal_of
from dormouse.environments.results import Refusal, RefusalReason

REASON = RefusalReason
ALLOCATION = "Allocation failed. We do not have sufficient capacity for the requested VM size in this region."
CONSTRAINTS = (
    "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is too restrictive. "
    "Please remove some constraints and try again. Constraints applied are:\n  - Availability Zone\n  - VM Size\n"
)
RESTRICTED = (
    "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: Standard_B2s' is currently "
    "not available in location 'eastus'. Please try another size or deploy to a different location or different zone."
)
QUOTA = (
    "Operation could not be completed as it results in exceeding approved {} quota. Additional details - Deployment Model: "
    "Resource Manager, Location: eastus, Current Limit: 100, Current Usage: 96, Additional Required: 64, (Minimum) New "
    "Limit Required: 160."
)
GENERATION = (
    "The selected VM size 'Standard_NC24ads_A100_v4' cannot boot Hypervisor Generation '1'. If this was a Create operation "
    "please check that the Hypervisor Generation of the Image matches the Hypervisor Generation of the selected VM Size."
)
DISK = "The specified disk size 50 GB is smaller than the size of the corresponding disk in the VM image: 150 GB."
ROOM = (
    "OS disk of Ephemeral VM with size greater than 50 GB is not allowed for VM size Standard_D2s_v3 when the "
    "DiffDiskPlacement is CacheDisk."
)
ALIKE = (
    "Unable to resize the VM 'vm' since changing from resource disk to non-resource disk VM size and vice-versa is not "
    "allowed."
)
PREMIUM = (
    "Requested operation cannot be performed because the VM size Standard_D2_v3 does not support the storage account type "
    "Premium_LRS of disk 'disk'."
)
NODES = (
    "The specified subscription has a total vCPU quota of 0 and cannot accomodate for at least 1 requested managed compute "
    "node which maps to 2 vCPUs."
)
SOFT = "Soft-deleted workspace exists. Please purge or recover it."
VAULT = "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault."
VERSION = "Version 1.26.3 is not supported in this region(eastus). Please use [az aks get-versions] command."
VCPUS = "Insufficient regional vcpu quota left for location eastus. left regional vcpu quota 0, requested quota 2."
ADDRESSES = "Cannot create more than 20 public IP addresses for this subscription in this region."
STATE = "Cannot modify extensions in the VM when the VM is not running."
EPHEMERAL = "Operation 'deallocate' is not supported on VM 'vm' since it uses an ephemeral OS disk."
HARDWARE = "Unable to resize the VM since the requested size D4s_v5 is not available in the current hardware cluster."
UPGRADE = "Operation is not allowed: Another operation (Upgrading) is in progress, please wait for it to finish."
NO_CAPACITY, SHORT, MISFIT = REASON.NO_CAPACITY, REASON.QUOTA_EXCEEDED, REASON.INCOMPATIBLE


@pytest.mark.parametrize(
    ("status", "code", "message", "reason", "advice"),
    [
        (409, "AllocationFailed", ALLOCATION, NO_CAPACITY, "no capacity for this VM size"),
        (409, "ZonalAllocationFailed", ALLOCATION, NO_CAPACITY, "no capacity for this VM size"),
        (409, "OverconstrainedAllocationRequest", CONSTRAINTS, NO_CAPACITY, "drop the zone"),
        (409, "OverconstrainedZonalAllocationRequest", CONSTRAINTS, NO_CAPACITY, "drop the zone"),
        (409, "SkuNotAvailable", RESTRICTED, NO_CAPACITY, "no capacity"),
        (409, "OperationNotAllowed", QUOTA.format("Total Regional Cores"), SHORT, "at least 160"),
        (409, "OperationNotAllowed", QUOTA.format("standardDASv5Family Cores"), SHORT, "at least 160"),
        (409, "OperationNotAllowed", QUOTA.format("LowPriorityCores"), SHORT, "at least 160"),
        (409, "QuotaExceeded", QUOTA.format("Total Regional Cores"), SHORT, "at least 160"),
        (400, "OperationNotAllowed", ADDRESSES, SHORT, "limit 20"),
        (400, "StaticPublicIPCountLimitReached", ADDRESSES, SHORT, "limit 20"),
        (409, "OperationNotAllowed", DISK, MISFIT, "larger disk"),
        (409, "OperationNotAllowed", STATE, REASON.CONFLICT, "current state"),
        (409, "OperationNotAllowed", EPHEMERAL, REASON.CONFLICT, "cannot be stopped"),
        (409, "OperationNotAllowed", HARDWARE, REASON.CONFLICT, "stop the VM first"),
        (409, "OperationNotAllowed", ALIKE, MISFIT, "local temporary disk"),
        (400, "BadRequest", GENERATION, MISFIT, "images of this generation"),
        (400, "InvalidParameter", PREMIUM, MISFIT, "disks of this kind"),
        (400, "NotSupported", ROOM, MISFIT, "local storage"),
        (400, "BadRequest", SOFT, REASON.SOFT_DELETED, "recover or purge"),
        (409, "ConflictError", VAULT, REASON.SOFT_DELETED, "recover or purge"),
        (400, "BadRequest", NODES, SHORT, "Machine Learning has quotas of its own"),
        (400, "ClusterMinNodesExceedCoreQuota", NODES, SHORT, "limit 0, needed 2"),
        (400, "ErrCode_InsufficientVCPUQuota", VCPUS, SHORT, "free 0, needed 2"),
        (400, "InsufficientVCPUQuota", VCPUS, SHORT, "free 0, needed 2"),
        (400, "K8sVersionNotSupported", VERSION, REASON.NOT_OFFERED, "another version"),
        (400, "AgentPoolK8sVersionNotSupported", VERSION, REASON.NOT_OFFERED, "another version"),
        (400, "ImageBuildComputeNotValid", "", MISFIT, "image builds"),
        (409, "ScopeLocked", "", REASON.CONFLICT, "remove the lock"),
        (400, "BadRequest", "The request is invalid.", REASON.BAD_REQUEST, "rejected the request as invalid"),
    ],
)
def test_a_message_decides_what_is_wrong_and_what_to_do(
    status: int, code: str, message: str, reason: RefusalReason, advice: str
) -> None:
    refusal = refusal_of(status, code, message)
    assert refusal.reason is reason
    assert advice in refusal.explained()
    assert not is_not_now(status, code, message)


@pytest.mark.parametrize("code", ["BadRequest", "ClusterMinNodesExceedCoreQuota", "ErrCode_InsufficientVCPUQuota"])
def test_a_late_refusal_keeps_its_reason_too(code: str) -> None:
    message = VCPUS if code.startswith("Err") else NODES
    assert late_refusal(code, message).reason is REASON.QUOTA_EXCEEDED
    assert late_refusal(code, message).quota == refusal_of(400, code, message).quota
    assert late_refusal("BadRequest", "No.").reason is REASON.FAILED_LATE


@pytest.mark.parametrize(
    ("code", "message"), [("OperationNotAllowed", UPGRADE), ("ConflictError", "Busy."), ("ServicePrincipalNotFound", "")]
)
def test_what_passes_by_itself_is_no_refusal(code: str, message: str) -> None:
    assert is_not_now(409, code, message)


# As Azure has answered: https://github.com/MicrosoftDocs/azure-docs/issues/111614, Azure/azure-cli#24486
DRIVER_LOCK = (
    "VM has reported a failure when processing extension 'NvidiaGpuDriverLinux'. Error message: DPKG frontend "
    "(/var/lib/dpkg/lock-frontend) is locked by another process, please try reinstalling after sometime"
)
SCRIPT_LOCK = "[stderr]\nE: Could not get lock /var/lib/apt/lists/lock - open (11: Resource temporarily unavailable)"


@pytest.mark.parametrize(
    ("code", "message", "once"),
    [
        ("VMExtensionProvisioningError", DRIVER_LOCK, True),
        ("VMExtensionProvisioningError", SCRIPT_LOCK, True),
        ("VMExtensionProvisioningError", "The driver does not build.", False),
        ("BadRequest", DRIVER_LOCK, False),
        ("OperationNotAllowed", UPGRADE, False),
    ],
)
def test_an_extension_that_met_the_package_lock_is_worth_one_more_try(code: str, message: str, once: bool) -> None:
    assert is_worth_one_more_try(code, message) is once
    assert is_not_now(0, code, message) is (message == UPGRADE)
    refusal = late_refusal(code, message)
    assert ("lock of its package manager" in refusal.explained()) is once
    assert refusal.reason is RefusalReason.FAILED_LATE


def test_only_a_quota_has_numbers() -> None:
    assert refusal_of(409, "QuotaExceeded", QUOTA.format("x")).quota is not None
    assert refusal_of(409, "AllocationFailed", ALLOCATION).quota is None


def test_a_text_that_is_known_is_found_inside_a_code_that_says_nothing() -> None:
    inner = [{"code": "BadRequest", "message": GENERATION}]
    body = {"error": {"code": "DeploymentFailed", "message": "At least one failed.", "details": inner}}
    assert error_in(body).message == GENERATION
    outer = {"code": "BadRequest", "message": "See details.", "details": [{"code": "Unspecified", "message": "no"}]}
    assert error_in({"error": outer}).message == "no"


POLICY: dict[str, Any] = {
    "code": "RequestDisallowedByPolicy",
    "message": "Resource 'st' was disallowed by policy.",
    "additionalInfo": [{"type": "PolicyViolation", "info": {"policyAssignmentName": "no-keys"}}],
}
IN_WORDS = (
    """Resource 'vm' was disallowed by policy. Policy identifiers: '[{"policyAssignment":{"name":"no keys","id":"/x"}}]'."""
)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"error": POLICY}, "no-keys"),
        ({"error": {"code": "InvalidTemplateDeployment", "message": "no", "details": [POLICY]}}, "no-keys"),
        ({"error": {"code": "RequestDisallowedByPolicy", "message": IN_WORDS}}, "no keys"),
        ({"error": {"code": "RequestDisallowedByPolicy", "message": "No.", "additionalInfo": [None, {"info": []}]}}, ""),
    ],
)
def test_the_policy_that_forbids_a_request_is_named(body: dict[str, Any], name: str) -> None:
    error = error_in(body)
    refusal = refusal_of(403, error.code, error.message, error.policy)
    assert (error.policy, refusal.reason) == (name, REASON.FORBIDDEN)
    assert (f"The Azure policy {name!r} forbids this" if name else "An Azure policy forbids this") in refusal.explained()


def test_advice_of_old_records_without_it_goes_by_the_reason() -> None:
    old = Refusal(REASON.CONFLICT, "No.", "ScopeLocked", azure=True)
    assert (
        old.explained() == "The current state of the resource does not allow this change. Azure's message: No. (ScopeLocked)"
    )
