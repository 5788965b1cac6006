"""The health check after a boot: asked inside the machine until every check has passed."""

from datetime import timedelta
from typing import Any

from activities.health import begin_health_check, read_health_check
from dormouse.environments.operations import Probe
from dormouse.environments.results import Check, Finding, Outcome, RefusalReason, Verdict
from dormouse.resources.plan import Machine
from orchestrators.durable import Context, GaveUp, Story, follow, heard, sleep

HEALTH = "health"
# A first boot installs software; a later one mounts, starts services and perhaps builds a driver for a new kernel.
FIRST_BOOT, LATER_BOOT = timedelta(minutes=60), timedelta(minutes=15)
BETWEEN_CHECKS = 15.0


def look_inside(context: Context, machine: Machine, within: timedelta, cancel: Any = None) -> Story[tuple[Finding, ...]]:
    """Ask inside the machine whether it works; a check that cannot be run has failed."""
    try:
        return (yield from _check_until_healthy(context, machine, within, cancel))
    except GaveUp as gave_up:
        return (Finding(HEALTH, Check.FAILED, gave_up.refusal.detail),)


def health_outcome(findings: tuple[Finding, ...], *, passed: str, failed: str) -> Outcome:
    """What the findings come to: success if every check passed; `passed` and `failed` say what was done before."""
    bad = [finding for finding in findings if finding.result is not Check.PASSED]
    if findings and not bad:
        return Outcome(Verdict.SUCCEEDED, f"{passed}, and every check inside the machine passed.", findings=findings)
    trouble = "; ".join(f"{finding.name}: {finding.detail}" for finding in bad)
    return Outcome(Verdict.UNHEALTHY, f"{failed} (and costs), but is not healthy. {trouble}".strip(), findings=findings)


def _check_until_healthy(context: Context, machine: Machine, within: timedelta, cancel: Any) -> Story[tuple[Finding, ...]]:
    """Ask until every check has passed, one has failed for good, the time is up, or the operation is cancelled."""
    deadline = context.current_utc_datetime + within
    while not heard(cancel):
        progress = yield from follow(
            context, begin_health_check, Probe(machine), ask=read_health_check, machine=machine, cancel=cancel
        )
        if heard(cancel):
            return progress.findings
        late = context.current_utc_datetime >= deadline
        # A machine that a driver restarts takes no commands for a while, and Azure calls that a conflict.
        if progress.refusal and (late or progress.refusal.reason is not RefusalReason.CONFLICT):
            return (Finding(HEALTH, Check.FAILED, progress.refusal.explained()),)
        results = {finding.result for finding in progress.findings}
        if progress.findings and (late or Check.FAILED in results or Check.WAITING not in results):
            return progress.findings
        if late:
            return (Finding(HEALTH, Check.FAILED, "The machine has never answered."),)
        yield from sleep(context, BETWEEN_CHECKS, cancel)
    return ()
