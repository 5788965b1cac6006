"""Azure's error codes in our words: which are a considered "no", and which only mean "not now".

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
        "PrincipalNotFound",  # a new identity takes a while to be known everywhere
        "StorageAccountIsNotProvisioned",
        "StorageAccountOperationInProgress",
        "TooManyRequests",
        "SubscriptionRequestsThrottled",
        "ResourceRequestsThrottled",
        "OperationPreempted",
    }
)

# What is not there needs no removal.
GONE = frozenset(
    {"ResourceGroupNotFound", "ResourceNotFound", "NotFound", "ParentResourceNotFound", "RoleAssignmentNotFound"}
)

NOT_FOUND, NOT_IMPLEMENTED = 404, 501

RUN_COMMAND_BUSY = "run command extension execution is in progress"


def is_not_now(status: int, code: str, message: str) -> bool:
    """Whether an answer means "not now": the same request may well work later."""
    if status in (408, 429) or (status >= 500 and status != NOT_IMPLEMENTED) or code in NOT_NOW:
        return True
    return code == "Conflict" and RUN_COMMAND_BUSY in message.lower()


def refusal_of(status: int, code: str, message: str) -> Refusal:
    """A considered "no" of Azure in our words."""
    return Refusal(_reason(status, code, message), message or f"HTTP {status}", code, azure=True)


def late_refusal(code: str, message: str) -> Refusal:
    """The "no" of an operation that Azure had accepted."""
    reason = _reason(0, code, message)
    return Refusal(RefusalReason.FAILED_LATE if reason is RefusalReason.BAD_REQUEST else reason, message, code, azure=True)


def _reason(status: int, code: str, message: str) -> RefusalReason:
    if code in REASONS:
        return REASONS[code]
    if code == "OperationNotAllowed":  # its message alone tells quota from a machine in the wrong state
        return RefusalReason.QUOTA_EXCEEDED if "quota" in message.lower() else RefusalReason.CONFLICT
    if status in (401, 403):
        return RefusalReason.FORBIDDEN
    if status == NOT_FOUND or code in GONE:
        return RefusalReason.NOT_FOUND
    return RefusalReason.CONFLICT if status in (409, 412) else RefusalReason.BAD_REQUEST
