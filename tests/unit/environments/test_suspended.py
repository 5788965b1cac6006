"""What sleeps on its own: a survey finds it, unless the plan changes it, which may wake it."""

from dataclasses import replace

import pytest

from dormouse.environments.preflight import preflight_result
from dormouse.environments.results import ResourceStatus
from dormouse.resources.kubernetes.node_pools import NODE_POOL
from dormouse.resources.plan import Plan

PLAN = Plan("rc1", "runner-cluster", "rc1-provision-1", "polandcentral", ())
POOL = ResourceStatus("gpu-pool", exists=True, suspended=True)


@pytest.mark.parametrize(
    ("status", "found"),
    [(POOL, ("gpu-pool",)), (replace(POOL, drifted=True), ()), (replace(POOL, suspended=False), ())],
    ids=["sleeps", "is changed", "is awake"],
)
def test_what_sleeps_and_is_not_changed_is_found(status: ResourceStatus, found: tuple[str, ...]) -> None:
    assert preflight_result(PLAN, {}, [status]).suspended == found


@pytest.mark.parametrize("scales", [True, False])
def test_a_pool_sleeps_while_the_autoscaler_does_not_decide_about_it(*, scales: bool) -> None:
    assert NODE_POOL.suspended
    assert NODE_POOL.suspended({"properties": {"enableAutoScaling": scales}}) is not scales
