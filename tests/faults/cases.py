"""The cases of the fault matrix: each is a branch of one undisturbed run, and must end as that run did."""

import itertools

from tests.conftest import PASSED
from tests.faults.harness import Recording, Workbench, assert_same_end
from tests.support import AzureSide

EVERY = slice(None)


def crash_at_every_activity(
    workbench: Workbench, side: AzureSide, recording: Recording, what: str, *, written: bool, part: slice = EVERY
) -> None:
    """Crash around each activity, or around a part of them.

    If the crash comes before its result is committed, an activity that has had its effect runs twice.
    """
    cuts = (recording.written if written else recording.unwritten)[part]
    when = "after its result is committed" if written else "before: it runs twice"
    assert len(cuts) > 2
    for cut in cuts:
        workbench.restore(cut)
        assert_same_end(side, recording, recording.name, workbench.finish(recording, cut))
        PASSED[f"{what}: power cut at the n-th activity, {when}"] += 1


def lose_every_response(workbench: Workbench, side: AzureSide, recording: Recording, what: str, *, every: int = 1) -> None:
    """Lose each response of Azure once, or every n-th, from the last moment before it at which no activity was running."""
    for number in itertools.count(1, every):
        beginning = recording.last_idle_before(number)
        workbench.restore(beginning)
        side.spoil(effect="lose", every=number - recording.answers_at(beginning), times=1)
        done = workbench.finish(recording, beginning)
        (fault,) = side.faults()
        side.behave()
        assert_same_end(side, recording, recording.name, done)
        if not fault["spoilt"]:
            break
        PASSED[f"{what}: the n-th answer of Azure is lost after its effect"] += 1
    assert number > recording.answers_at(recording.idle[-1])
