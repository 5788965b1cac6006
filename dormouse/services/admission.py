"""Admission: the permission and the rate limit of a use case, checked before anything is looked up."""

from dormouse.access.roles import Caller, require_permission
from dormouse.services.dependencies import Dependencies
from dormouse.services.use_cases import Limit, UseCase


def admit(use_case: UseCase, caller: Caller, dependencies: Dependencies) -> None:
    """Raise NotAllowed unless the caller's role permits the use case, then count it as `count_request` does."""
    require_permission(caller, use_case.permission)
    count_request(use_case, caller, dependencies)


def count_request(use_case: UseCase, caller: Caller, dependencies: Dependencies) -> None:
    """Count a request against the rate limit of its use case; raises TooManyRequests."""
    if use_case.limit is Limit.NONE:
        return
    limit = dependencies.rate_limit if use_case.limit is Limit.COMMANDS else dependencies.read_rate_limit
    limit.check(caller.object_id or caller.name, dependencies.now())
