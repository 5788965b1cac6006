"""Telling people what happens, which nothing waits for."""

from collections.abc import Sequence

import azure.durable_functions as df

from activities.acting import tell_people
from environments.notices import Notice
from orchestrators.steps import Context, Story, run_each

TOLD_ONE_BY_ONE, LONGEST_NOTICE = 5, 3000
# People are told soon or not at all.
TELLING = df.RetryOptions(5_000, 3)


def tell(context: Context, notices: Sequence[Notice]) -> Story[None]:
    """Tell people; many notices become one, for nobody reads a hundred. Who cannot be told blocks nobody."""
    if len(notices) > TOLD_ONE_BY_ONE:
        words = "; ".join(f"{notice.name}: {notice.event}" for notice in notices)[:LONGEST_NOTICE]
        notices = [Notice("many", "", f"{len(notices)} machines", words, notices[0].at)]
    yield from run_each(context, [(tell_people, notice) for notice in notices], TELLING)
