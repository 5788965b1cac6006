"""Jobs of a sweep: machines that it has locked, with the progress and the end of their actions."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.idle.complete import close_sweep_operation
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.decision import NextAction
from dormouse.idle.sources.registry import source_of
from dormouse.idle.sweep import ActionClaim, PlannedAction, SweepClosing
from dormouse.lifecycle import State
from dormouse.notifications.notification import Notification
from orchestrators.durable import TRANSIENT, Context, Orchestration, run_each

TARGET_STATES = {NextAction.STOP: State.STOPPED, NextAction.START: State.RUNNING}
ENDED_WELL = {NextAction.STOP: "stopped", NextAction.START: "started", NextAction.STOP_ENVIRONMENT: "stopped"}
RUNS = "Azure confirms that it is running."


@dataclass(slots=True)
class Job:
    """One machine that the sweep has locked, and the progress of its action.

    `handed_over`: an orchestration of its own ends the operation.
    """

    claim: ActionClaim
    locked_at: float
    tries: int = 0
    not_before: float = 0.0
    started_at: float = 0.0
    url: str = ""
    outcome: Outcome | None = None
    handed_over: bool = False

    @property
    def planned(self) -> PlannedAction:
        """The action for the machine."""
        return self.claim.planned

    @property
    def target_state(self) -> State:
        """The state that confirms the action."""
        return TARGET_STATES[self.planned.action]

    def confirm(self) -> None:
        """End the job as one whose target state Azure shows."""
        stopped = source_of(self.planned.machine).words.confirmed
        words = f"{self.planned.verdict_reason} {stopped if self.planned.action is NextAction.STOP else RUNS}"
        self.outcome = Outcome(OutcomeStatus.SUCCEEDED, words)


def close_ended(context: Context, jobs: Sequence[Job]) -> Orchestration[list[SweepClosing]]:
    """Record the outcome of each ended job and unlock its machine; returns the completions that need a notification."""
    ended = now_of(context)
    closings = [
        SweepClosing(job.claim.operation, job.planned, job.outcome, job.locked_at, ended)
        for job in jobs
        if job.outcome is not None and not job.handed_over
    ]
    notifies = yield from run_each(context, [(close_sweep_operation, closing) for closing in closings], TRANSIENT)
    return [closing for closing, answer in zip(closings, notifies, strict=True) if answer is True]


def closing_notice(closing: SweepClosing) -> Notification:
    """The notification of an action that has ended."""
    plan, outcome = closing.planned, closing.outcome
    good = outcome.status is OutcomeStatus.SUCCEEDED
    event = ENDED_WELL[plan.action] if good else f"{plan.verb} not confirmed"
    asleep = plan.machine.environment if event == "stopped" else ""
    return Notification(event, plan.machine.id, plan.machine.name, outcome.reason, closing.ended_at, asleep)


def now_of(context: Context) -> float:
    """The current time of the orchestration, in seconds since 1970."""
    return float(context.current_utc_datetime.timestamp())
