"""Standing an environment up."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import wire
from activities.health import begin_health_check, read_health_check
from activities.preflight import survey_existing, survey_quota, survey_size
from activities.records import remember_environment
from environments.operations import Probe, Provision
from environments.outcomes import Check, Finding, Outcome, Refusal, Verdict
from environments.plan import Plan
from orchestrators.board import DONE, REFUSED, Board
from orchestrators.building import build_all, take_back
from orchestrators.finish import Ending, finish
from orchestrators.steps import STUBBORN, Context, GaveUp, Story, follow, run, run_all, sleep

HEALTH = "health"
HEALTHY_WITHIN = timedelta(minutes=60)
BETWEEN_CHECKS = 15.0


@dataclass(frozen=True, slots=True)
class Expected:
    """A step on the board that is not a resource."""

    name: str
    needs: tuple[str, ...] = ()


def provision_environment(context: Context) -> Story[Any]:
    """Build an environment step by step; if it does not come up whole, take back what was built."""
    request = wire.decode(Provision, context.get_input())
    board = Board(context)
    ending = yield from _provision(context, request, board)
    return (yield from finish(context, request.plan.operation, request.plan.environment, board, ending))


def _provision(context: Context, request: Provision, board: Board) -> Story[Ending]:
    plan = request.plan
    try:
        board.begin("preflight")
        existing, refusals = yield from _preflight(context, plan)
        board.end("preflight", REFUSED if refusals else DONE)
        if refusals:
            words = " ".join(refusal.explained() for refusal in refusals)
            return Ending(Outcome(Verdict.REFUSED, f"Nothing was built. {words}", refusals), forget="group" not in existing)
    except GaveUp as gave_up:
        return Ending(Outcome.failed([gave_up.refusal], undone="Nothing was built."))

    last = tuple(step.name for step in plan.steps)
    board.expect(*plan.steps, Expected(HEALTH, last))
    building = yield from build_all(context, plan, existing, board)
    if building.refusals:
        left = yield from take_back(context, plan, building, existing, board)
        undone = "" if left else "What had been built was taken back; nothing of it is left."
        outcome = Outcome.failed(building.refusals, left, undone=undone)
        return Ending(outcome, forget=not left and "group" not in existing)

    yield from run(context, remember_environment, request.record, STUBBORN)
    board.begin(HEALTH)
    findings = yield from _check_until_healthy(context, plan)
    healthy = all(finding.result is Check.PASSED for finding in findings)
    board.end(HEALTH, DONE if healthy else REFUSED)
    return Ending(_outcome(plan, findings))


def _preflight(context: Context, plan: Plan) -> Story[tuple[frozenset[str], tuple[Refusal, ...]]]:
    surveys = yield from run_all(context, [(survey, plan) for survey in (survey_existing, survey_size, survey_quota)])
    existing = frozenset(name for survey in surveys for name in survey.existing)
    refusals = tuple(refusal for survey in surveys for refusal in survey.refusals)
    if "vm" in existing:  # what runs already needs no new place and no new quota
        refusals = tuple(refusal for refusal in refusals if refusal.step != "vm")
    return existing, refusals


def _check_until_healthy(context: Context, plan: Plan) -> Story[tuple[Finding, ...]]:
    """Ask inside the machine until every check has passed, one has failed for good, or the time is up."""
    deadline = context.current_utc_datetime + HEALTHY_WITHIN
    probe, machine = Probe(plan.machine), plan.machine
    while True:
        try:
            progress = yield from follow(context, begin_health_check, probe, ask=read_health_check, machine=machine)
        except GaveUp as gave_up:
            return (Finding(HEALTH, Check.FAILED, gave_up.refusal.detail),)
        if progress.refusal:
            return (Finding(HEALTH, Check.FAILED, progress.refusal.explained()),)
        results = {finding.result for finding in progress.findings}
        if Check.FAILED in results or Check.WAITING not in results or context.current_utc_datetime >= deadline:
            return progress.findings
        yield from sleep(context, BETWEEN_CHECKS)


def _outcome(plan: Plan, findings: tuple[Finding, ...]) -> Outcome:
    bad = [finding for finding in findings if finding.result is not Check.PASSED]
    if not bad:
        words = f"{plan.environment} is up, and every check inside the machine passed."
        return Outcome(Verdict.SUCCEEDED, words, findings=findings)
    trouble = "; ".join(f"{finding.name}: {finding.detail}" for finding in bad)
    words = f"{plan.environment} is built and runs (and costs), but is not healthy. {trouble}"
    return Outcome(Verdict.UNHEALTHY, words, findings=findings)
