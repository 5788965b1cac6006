"""What sleeps on its own is not checked, so an environment that was not ready before does not become ready by that."""

from typing import Any

import pytest

from activities.inventory import read_group
from activities.notifications import send_notifications
from activities.operations import poll_operation
from activities.records import close_operation, holds_lock, write_environment
from activities.resources.generic import (
    begin_probe,
    check_preflight,
    observe_resource,
    put_resource,
    read_outputs,
    read_probe,
    read_put,
)
from dormouse import serialization
from dormouse.blueprints.catalog import plan_for
from dormouse.environments.answers import Checked, Done, Pending
from dormouse.environments.operations import Provision
from dormouse.environments.results import Check, GroupView, HealthCheckResult, Outcome, OutcomeStatus, ResourceStatus
from dormouse.notifications.notification import Delivery
from dormouse.resources.plan import Resource
from orchestrators.environments.execute_plan import build_resource
from orchestrators.environments.health import probed_in
from orchestrators.environments.provision import provision_environment
from tests.unit.builders import environment_record, target, workstation_spec
from tests.unit.durable import DurableContext

PLAN = plan_for(workstation_spec(), target())
PROBED = {one.name for one in probed_in(PLAN.resources)}


def applied(*, was_ready: bool, sleeps: bool) -> tuple[DurableContext, Outcome]:
    """An environment that exists and is applied again; what is checked in it may sleep."""

    def status(resource: Resource) -> ResourceStatus:
        return ResourceStatus(resource.name, exists=True, suspended=sleeps and resource.name in PROBED)

    activities: dict[Any, Any] = {
        holds_lock: lambda _: True,
        read_outputs: lambda _: Done(),
        read_group: lambda _: GroupView("rg", "ml1"),
        observe_resource: status,
        check_preflight: lambda _: [],
        put_resource: lambda _: Done(),
        read_put: lambda _: Done(),
        poll_operation: lambda _: Done(),
        write_environment: lambda _: "",
        begin_probe: lambda _: Pending(4.0, "https://management.azure.com/operations/1"),
        read_probe: lambda _: Checked((HealthCheckResult("gpu", Check.PASSED, "A10"),)),
        close_operation: lambda _: "",
        send_notifications: lambda _: Delivery(),
    }
    request = Provision(PLAN, environment_record(ready=False), new=False, was_ready=was_ready)
    context = DurableContext(activities, children=[build_resource], request=request)
    return context, serialization.decode(Outcome, context.run(provision_environment(context)))


@pytest.mark.parametrize(("was_ready", "sleeps", "ready"), [(True, True, True), (False, True, False), (False, False, True)])
def test_only_what_was_checked_or_was_ready_before_is_ready(*, was_ready: bool, sleeps: bool, ready: bool) -> None:
    context, outcome = applied(was_ready=was_ready, sleeps=sleeps)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome
    assert [record.ready for record in context.requests(write_environment)] == [False, ready]
    assert bool(context.requests(begin_probe)) is not sleeps
