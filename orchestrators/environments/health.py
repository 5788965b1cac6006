"""The health check after a boot, repeated inside the VM until every check has passed."""

from datetime import timedelta
from typing import Any

from activities.health import begin_health_check, read_health_check
from dormouse.environments.operations import Probe
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus, RefusalReason
from dormouse.resources.plan import PlannedMachine
from orchestrators.durable import Context, Orchestration, RetriesExhausted, is_cancelled, poll, sleep

HEALTH = "health"
# The first boot installs software; a later one mounts storage, starts services and may rebuild a kernel driver.
FIRST_BOOT, LATER_BOOT = timedelta(minutes=60), timedelta(minutes=15)
BETWEEN_CHECKS = 15.0


def wait_until_healthy(
    context: Context, machine: PlannedMachine, within: timedelta, cancel: Any = None
) -> Orchestration[tuple[HealthCheckResult, ...]]:
    """Run the health check inside a VM until it passes or time is up; a check that cannot run counts as failed."""
    try:
        return (yield from _check_until_healthy(context, machine, within, cancel))
    except RetriesExhausted as gave_up:
        return (HealthCheckResult(HEALTH, Check.FAILED, gave_up.refusal.detail),)


def health_outcome(findings: tuple[HealthCheckResult, ...], *, passed: str, failed: str) -> Outcome:
    """The outcome of health checks: success if all passed; `passed` and `failed` describe what was done before."""
    bad = [finding for finding in findings if finding.result is not Check.PASSED]
    if findings and not bad:
        return Outcome(OutcomeStatus.SUCCEEDED, f"{passed}, and every health check passed.", health_checks=findings)
    trouble = "; ".join(f"{finding.name}: {finding.detail}" for finding in bad)
    return Outcome(
        OutcomeStatus.UNHEALTHY,
        f"{failed} and is billed, but health checks failed. {trouble}".strip(),
        health_checks=findings,
    )


def _check_until_healthy(
    context: Context, machine: PlannedMachine, within: timedelta, cancel: Any
) -> Orchestration[tuple[HealthCheckResult, ...]]:
    """Repeat until all checks passed, one failed for good, time is up, or the operation is cancelled."""
    deadline = context.current_utc_datetime + within
    while not is_cancelled(cancel):
        progress = yield from poll(
            context, begin_health_check, Probe(machine), ask=read_health_check, machine=machine, cancel=cancel
        )
        if is_cancelled(cancel):
            return progress.health_checks
        late = context.current_utc_datetime >= deadline
        # A VM that a driver restarts accepts no commands for a while, which Azure reports as a conflict.
        if progress.refusal and (late or progress.refusal.reason is not RefusalReason.CONFLICT):
            return (HealthCheckResult(HEALTH, Check.FAILED, progress.refusal.explained()),)
        results = {finding.result for finding in progress.health_checks}
        if progress.health_checks and (late or Check.FAILED in results or Check.WAITING not in results):
            return progress.health_checks
        if late:
            return (
                HealthCheckResult(
                    HEALTH, Check.FAILED, f"The VM did not answer within {within.total_seconds() / 60:.0f} minutes."
                ),
            )
        yield from sleep(context, BETWEEN_CHECKS, cancel)
    return ()
