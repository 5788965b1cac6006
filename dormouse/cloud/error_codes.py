"""What Azure's errors mean: whether they are transient, and the refusals that follow from the others."""

from dormouse.cloud.refusals.refusal_lookup import rule_for
from dormouse.cloud.refusals.refusal_rules import ABSENT, NOT_NOW, ONCE, Later, Rule
from dormouse.environments.quota import shortage_in
from dormouse.environments.results import Refusal, RefusalReason

# A deletion that fails with one of these has nothing to delete.
GONE = frozenset(ABSENT)

# A 404 with one of these is about where the resource would be; the resource itself may exist.
NEVER_ABSENT = frozenset({"SubscriptionNotFound"})

NOT_FOUND, NOT_IMPLEMENTED = 404, 501
DISALLOWED_BY_POLICY = "RequestDisallowedByPolicy"


def is_not_now(status: int, code: str, message: str) -> bool:
    """Whether an error is transient, so that the same request may succeed later."""
    if status in (408, 429) or (status >= 500 and status != NOT_IMPLEMENTED):
        return True
    rule = rule_for(code, message)
    return rule is not None and rule.meaning is NOT_NOW


def is_worth_one_more_try(code: str, message: str) -> bool:
    """Whether a request that Azure accepted and that failed later may succeed if it is repeated once."""
    rule = rule_for(code, message)
    return rule is not None and rule.meaning is ONCE


def is_known(code: str, message: str) -> bool:
    """Whether the meaning of an error is known here, whatever its status."""
    return rule_for(code, message) is not None


def is_lasting(code: str, message: str) -> bool:
    """Whether an error that is known means a final rejection."""
    return is_known(code, message) and not is_not_now(0, code, message)


def refusal_of(status: int, code: str, message: str, policy: str = "") -> Refusal:
    """The refusal for an Azure error response; `policy` is the one that forbids it, if any."""
    rule = rule_for(code, message)
    return _refusal(rule, _reason(status, rule), message or f"HTTP {status}", code, policy)


def late_refusal(code: str, message: str, policy: str = "") -> Refusal:
    """The refusal for a long-running operation that Azure accepted and that failed later."""
    rule = rule_for(code, message)
    reason = _reason(0, rule)
    late = RefusalReason.FAILED_LATE if reason is RefusalReason.BAD_REQUEST else reason
    return _refusal(rule, late, message, code, policy)


def _refusal(rule: Rule | None, reason: RefusalReason, message: str, code: str, policy: str) -> Refusal:
    advice = rule.advice if rule else ""
    if policy and code == DISALLOWED_BY_POLICY:
        advice = f"The Azure policy {policy!r} forbids this; change the spec, or ask its owner for an exemption."
    quota = shortage_in(message) if reason is RefusalReason.QUOTA_EXCEEDED else None
    return Refusal(reason, message, code, azure=True, advice=advice, quota=quota)


def _reason(status: int, rule: Rule | None) -> RefusalReason:
    if rule is not None and not isinstance(rule.meaning, Later):
        return rule.meaning
    if status in (401, 403):
        return RefusalReason.FORBIDDEN
    if status == NOT_FOUND:
        return RefusalReason.NOT_FOUND
    return RefusalReason.CONFLICT if status in (409, 412) else RefusalReason.BAD_REQUEST
