"""Translation of Azure error codes: which are final rejections, and which are transient.

Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and
https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/error-messages
"""

from dormouse.environments.results import Refusal, RefusalReason

REASONS = {
    "SkuNotAvailable": RefusalReason.NO_CAPACITY,
    "AllocationFailed": RefusalReason.NO_CAPACITY,
    "ZonalAllocationFailed": RefusalReason.NO_CAPACITY,
    "OverconstrainedAllocationRequest": RefusalReason.NO_CAPACITY,
    "OverconstrainedZonalAllocationRequest": RefusalReason.NO_CAPACITY,
    "QuotaExceeded": RefusalReason.QUOTA_EXCEEDED,
    "ResourceQuotaExceeded": RefusalReason.QUOTA_EXCEEDED,
    "PublicIPCountLimitReached": RefusalReason.QUOTA_EXCEEDED,
    "StorageAccountAlreadyTaken": RefusalReason.NAME_TAKEN,
    "StorageAccountAlreadyExists": RefusalReason.NAME_TAKEN,
    "AuthorizationFailed": RefusalReason.FORBIDDEN,
    "LinkedAuthorizationFailed": RefusalReason.FORBIDDEN,
    "RequestDisallowedByPolicy": RefusalReason.FORBIDDEN,
    "ForbiddenByRbac": RefusalReason.FORBIDDEN,
    "Forbidden": RefusalReason.FORBIDDEN,
    "PropertyChangeNotAllowed": RefusalReason.CONFLICT,
    "ResourceGroupBeingDeleted": RefusalReason.CONFLICT,
}

NOT_NOW = frozenset(
    {
        "AnotherOperationInProgress",
        "RetryableError",
        "PrincipalNotFound",  # a new identity takes a while to replicate
        "StorageAccountIsNotProvisioned",
        "StorageAccountOperationInProgress",
        "TooManyRequests",
        "SubscriptionRequestsThrottled",
        "ResourceRequestsThrottled",
        "OperationPreempted",
    }
)

# A deletion that fails with one of these has nothing to delete.
GONE = frozenset(
    {"ResourceGroupNotFound", "ResourceNotFound", "NotFound", "ParentResourceNotFound", "RoleAssignmentNotFound"}
)

NOT_FOUND, NOT_IMPLEMENTED = 404, 501

RUN_COMMAND_BUSY = "run command extension execution is in progress"


def is_not_now(status: int, code: str, message: str) -> bool:
    """Whether an error is transient, so that the same request may succeed later."""
    if status in (408, 429) or (status >= 500 and status != NOT_IMPLEMENTED) or code in NOT_NOW:
        return True
    return code == "Conflict" and RUN_COMMAND_BUSY in message.lower()


def refusal_of(status: int, code: str, message: str) -> Refusal:
    """The refusal for an Azure error response."""
    return Refusal(_reason(status, code, message), message or f"HTTP {status}", code, azure=True)


def late_refusal(code: str, message: str) -> Refusal:
    """The refusal for a long-running operation that Azure accepted and that failed later."""
    reason = _reason(0, code, message)
    return Refusal(RefusalReason.FAILED_LATE if reason is RefusalReason.BAD_REQUEST else reason, message, code, azure=True)


def _reason(status: int, code: str, message: str) -> RefusalReason:
    if code in REASONS:
        return REASONS[code]
    if code == "OperationNotAllowed":  # only its message distinguishes quota from a wrong VM state
        return RefusalReason.QUOTA_EXCEEDED if "quota" in message.lower() else RefusalReason.CONFLICT
    if status in (401, 403):
        return RefusalReason.FORBIDDEN
    if status == NOT_FOUND or code in GONE:
        return RefusalReason.NOT_FOUND
    return RefusalReason.CONFLICT if status in (409, 412) else RefusalReason.BAD_REQUEST
