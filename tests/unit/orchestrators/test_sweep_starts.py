"""Starts of a sweep: hundreds at once without a request for each, and what Azure has no capacity for goes on by itself."""

from dataclasses import replace

from activities.idle.complete import close_sweep_operation
from activities.idle.confirm import confirm_states
from activities.idle.execute import begin_claims
from activities.idle.hand_over import recheck_refused_start
from activities.notifications import send_notifications
from activities.operations import poll_operation
from dormouse.environments.answers import Done, Pending, Refused
from dormouse.environments.requests import PollRequest
from dormouse.environments.results import OutcomeStatus, Refusal, RefusalReason
from dormouse.idle.sweep import ActionClaim, ActionStarted, ClaimBatch, PageRequest, StartElsewhere, SweepClosing
from dormouse.idle.tracking import ActionReason, Eviction
from dormouse.ids import operation_id_at
from dormouse.lifecycle import State, Verb
from dormouse.notifications.notification import Delivery
from orchestrators.idle.fallback import start_with_other_size
from orchestrators.idle.jobs import Job
from orchestrators.idle.power import FIRST_CHECK, change_power_of
from tests.unit.builders import NOW, SUBSCRIPTION, case, machine, planned, remembered
from tests.unit.durable import DurableContext

NO_CAPACITY = Refused(Refusal(RefusalReason.NO_CAPACITY, "no room", "AllocationFailed"))
QUOTA = Refused(Refusal(RefusalReason.QUOTA_EXCEEDED, "no quota", "QuotaExceeded"))
PAGE = PageRequest("sweep-1", 0, 1, dry_run=False)


def identifier(number: int) -> str:
    return f"/subscriptions/{SUBSCRIPTION}/resourcegroups/lab/providers/microsoft.compute/virtualmachines/vm{number}"


def job(number: int, *, resizes: bool = True) -> Job:
    """A start of an evicted machine, locked by the page."""
    there = machine(id=identifier(number), name=f"vm{number}", environment=f"ml{number}", state=State.STOPPED, spot=True)
    known = remembered(state=State.STOPPED, state_since=NOW - 60, eviction=Eviction(NOW - 60, NOW - 60, 1))
    plan = planned(case(machine=there, tracked=known, restarts_evicted=True))
    assert plan.reason is ActionReason.EVICTION
    plan = replace(plan, resizes=resizes, lock=f"ml{number}")
    return Job(ActionClaim(operation_id_at(plan.lock, Verb.START, NOW, plan.lock), plan, "page", NOW), NOW)


class Starts:
    """Starts that were carried out: Azure's first answers and the later ones, by the number of the machine."""

    def __init__(
        self,
        jobs: list[Job],
        at_once: dict[int, Done | Refused] | None = None,
        late: dict[int, Refused | Pending] | None = None,
    ) -> None:
        self.at_once, self.late = at_once or {}, late or {}
        self.context = DurableContext(
            {
                begin_claims: self._begin,
                confirm_states: self._states,
                poll_operation: lambda asked: self.late[int(asked.url)],
                close_sweep_operation: lambda _: True,
                recheck_refused_start: lambda _: StartElsewhere(why="It is now on hold by ann."),
                send_notifications: lambda _: Delivery(),
            },
            children=(start_with_other_size,),
        )
        self.context.run(change_power_of(self.context, jobs, [], PAGE))

    def _begin(self, batch: ClaimBatch) -> list[ActionStarted]:
        numbers = [int(claim.planned.machine.name.removeprefix("vm")) for claim in batch.claims]
        return [ActionStarted(self.at_once.get(number, Pending(1.0, str(number)))) for number in numbers]

    def _states(self, asked: list[str]) -> dict[str, State]:
        late = {identifier(number) for number in self.late}
        return {one: State.STOPPED if one in late else State.RUNNING for one in asked}

    @property
    def closings(self) -> dict[str, SweepClosing]:
        return {closing.planned.machine.name: closing for closing in self.context.requests(close_sweep_operation)}

    @property
    def polled(self) -> list[str]:
        return [asked.url for asked in self.context.requests(poll_operation) if isinstance(asked, PollRequest)]

    @property
    def handed_over(self) -> list[str]:
        return [asked.claim.planned.machine.name for asked in self.context.requests(recheck_refused_start)]


def test_hundreds_of_machines_start_without_a_request_for_each() -> None:
    starts = Starts([job(number) for number in range(300)])
    assert {closing.outcome.status for closing in starts.closings.values()} == {OutcomeStatus.SUCCEEDED}
    assert (len(starts.closings), starts.polled, starts.handed_over) == (300, [], [])
    assert len(starts.context.requests(begin_claims)) == 7, "a burst of 120, then batches of 30"


def test_only_what_has_no_capacity_and_may_be_resized_goes_on_by_itself() -> None:
    jobs = [job(0), job(1), job(2, resizes=False), job(3), job(4)]
    starts = Starts(jobs, {0: NO_CAPACITY, 2: NO_CAPACITY, 3: QUOTA}, {4: NO_CAPACITY})
    assert starts.handed_over == ["vm0", "vm4"]
    assert starts.polled == ["4"]
    assert len(starts.context.requests(close_sweep_operation)) == 5, "each operation ends once"
    ends = {name: closing.outcome for name, closing in starts.closings.items()}
    assert [ends[f"vm{number}"].status for number in range(5)] == ["failed", "succeeded", "failed", "failed", "failed"]
    assert ends["vm0"].reason.endswith("No other size was tried. It is now on hold by ann.")
    assert "No other size" not in ends["vm2"].reason
    assert starts.context.times(recheck_refused_start) == [0.0, FIRST_CHECK], "as soon as it is known"
