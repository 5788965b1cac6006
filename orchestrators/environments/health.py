"""The health checks after a boot, repeated inside each resource until every check has passed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from activities.resources.generic import begin_probe, read_probe
from dormouse.environments.answers import Checked, Refused
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus, RefusalReason
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from orchestrators.durable import Context, Orchestration, RetriesExhausted, is_cancelled, poll, sleep

HEALTH = "health"
# The first boot installs software; a later one mounts storage, starts services and may rebuild a kernel driver.
FIRST_BOOT, LATER_BOOT = timedelta(minutes=60), timedelta(minutes=15)
BETWEEN_CHECKS = 15.0


def probed_in(resources: Sequence[Resource]) -> list[Resource]:
    """The resources whose health can be checked from inside."""
    return [one for one in resources if (probed := kind_of(one).probed) and probed(one)]


def wait_until_healthy(
    context: Context, resources: Sequence[Resource], within: timedelta, cancel: Any = None
) -> Orchestration[tuple[HealthCheckResult, ...]]:
    """Run the health checks of some resources until they pass or time is up; a check that cannot run counts as failed.

    Time runs for all of them at once: while one is waited for, the others go on.
    """
    deadline, found = context.current_utc_datetime + within, list[HealthCheckResult]()
    several = len(resources) > 1
    for resource in resources:
        try:
            results = yield from _check_until_healthy(context, resource, deadline, cancel)
        except RetriesExhausted as gave_up:
            results = _failed(gave_up.refusal.detail)
        found += [_of_one(resource, result) if several else result for result in results]
    return tuple(found)


def health_outcome(findings: tuple[HealthCheckResult, ...], *, passed: str, failed: str) -> Outcome:
    """The outcome of health checks: success if all passed; `passed` and `failed` describe what was done before."""
    bad = [finding for finding in findings if finding.result is not Check.PASSED]
    if findings and not bad:
        return Outcome(OutcomeStatus.SUCCEEDED, f"{passed}, and every health check passed.", health_checks=findings)
    trouble = "; ".join(f"{finding.name}: {finding.detail}" for finding in bad)
    return Outcome(
        OutcomeStatus.UNHEALTHY,
        f"{failed}, but health checks failed. {trouble}".strip(),
        health_checks=findings,
    )


def _check_until_healthy(
    context: Context, resource: Resource, deadline: datetime, cancel: Any
) -> Orchestration[tuple[HealthCheckResult, ...]]:
    """Repeat until all checks passed, one failed for good, time is up, or the operation is cancelled."""
    began = context.current_utc_datetime
    while not is_cancelled(cancel):
        answer = yield from poll(context, begin_probe, resource, ask=read_probe, probed=resource, cancel=cancel)
        results = answer.health_checks if isinstance(answer, Checked) else ()
        if is_cancelled(cancel):
            return results
        late = context.current_utc_datetime >= deadline
        # A VM that a driver restarts accepts no commands for a while, which Azure reports as a conflict.
        if isinstance(answer, Refused) and (late or answer.refusal.reason is not RefusalReason.CONFLICT):
            return _failed(answer.refusal.explained())
        kinds = {result.result for result in results}
        if results and (late or Check.FAILED in kinds or Check.WAITING not in kinds):
            return results
        if late:
            minutes = (deadline - began).total_seconds() / 60
            return _failed(f"{resource.name} did not answer within {minutes:.0f} minutes.")
        yield from sleep(context, BETWEEN_CHECKS, cancel)
    return ()


def _failed(detail: str) -> tuple[HealthCheckResult, ...]:
    return (HealthCheckResult(HEALTH, Check.FAILED, detail),)


def _of_one(resource: Resource, result: HealthCheckResult) -> HealthCheckResult:
    return HealthCheckResult(f"{resource.name} {result.name}", result.result, result.detail)
