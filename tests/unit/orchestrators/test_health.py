"""The health checks after a start, and the outcome that follows from their results."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from activities.notifications import send_notifications
from activities.records import close_operation, holds_lock
from activities.resources.generic import change_resource_power, observe_resource
from dormouse import serialization
from dormouse.environments.answers import Done
from dormouse.environments.operations import EnvironmentRecord, PowerChange
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus, ResourceStatus
from dormouse.lifecycle import State, Verb
from dormouse.notifications.notification import Delivery
from dormouse.resources.compute.machines import machine_id
from dormouse.resources.features import Agent, NvidiaDriver
from dormouse.resources.plan import Resource
from dormouse.services.recorded_plans import resources_on_record
from orchestrators.environments.health import health_outcome
from orchestrators.environments.power import change_power, check_after_change
from tests.unit.builders import SUBSCRIPTION, ULID, environment_record
from tests.unit.durable import DurableContext
from tests.unit.twins import SETTINGS, MemoryTables, reads_of

EARLIER = machine_id(SUBSCRIPTION, "rg-of-an-earlier-release", "vm-earlier")
BUILT = environment_record()
RECORD = replace(BUILT, resources=tuple(replace(one, id=EARLIER) if one.name == "vm" else one for one in BUILT.resources))
PASSED, WAITING = (
    HealthCheckResult("gpu", Check.PASSED, "A10"),
    HealthCheckResult("blob-mount", Check.WAITING, "/mnt is not mounted yet"),
)


def test_the_recorded_machine_is_checked_for_the_features_of_its_spec() -> None:
    resources, checked = on_record(RECORD)
    assert checked
    assert [replace(one, setup=None) for one in resources] == list(RECORD.resources)
    (machine,) = [one for one in resources if one.setup]
    assert (machine.name, machine.id) == ("vm", EARLIER)
    assert machine.setup is not None
    agent = Agent("https://c/api", SETTINGS.heartbeat_audience)
    assert {NvidiaDriver(), agent} < set(machine.setup.features)


@pytest.mark.parametrize("changes", [{"spec": '{"idle": {"cpu_cores": null}}'}, {"spec": "{"}, {"blueprint": "of-tomorrow"}])
def test_an_invalid_stored_spec_does_not_prevent_a_start(changes: dict[str, Any]) -> None:
    resources, readable = on_record(replace(RECORD, **changes))
    assert (resources, readable) == (RECORD.resources, False)
    outcome = checked(PowerChange("ml1-start-1", "ml1", Verb.START, resources, readable))
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert "Health checks did not run" in outcome.reason


def test_a_stopped_machine_is_not_health_checked() -> None:
    resources, _ = on_record(RECORD)
    activities = {  # a probe would be unexpected
        holds_lock: lambda _: True,
        change_resource_power: lambda _: Done(),
        observe_resource: lambda _: ResourceStatus("vm", True, state=State.STOPPED),
        close_operation: lambda _: "",
        send_notifications: lambda _: Delivery(),
    }
    context = DurableContext(activities, request=PowerChange(f"ml1-stop-{ULID}", "ml1", Verb.STOP, resources))
    outcome = serialization.decode(Outcome, context.run(change_power(context)))
    assert (outcome.status, outcome.health_checks) == (OutcomeStatus.SUCCEEDED, ())


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ((PASSED,), OutcomeStatus.SUCCEEDED),
        ((PASSED, WAITING), OutcomeStatus.UNHEALTHY),
        ((HealthCheckResult("health", Check.FAILED, "It has never answered."),), OutcomeStatus.UNHEALTHY),
        ((), OutcomeStatus.UNHEALTHY),
    ],
)
def test_health_succeeds_only_if_every_check_passed(findings: tuple[HealthCheckResult, ...], verdict: OutcomeStatus) -> None:
    outcome = health_outcome(findings, passed="ml1 is running", failed="ml1 is running and is billed")
    assert (outcome.status, outcome.health_checks) == (verdict, findings)
    assert all(finding.detail in outcome.reason for finding in findings if finding.result is not Check.PASSED)


def on_record(record: EnvironmentRecord) -> tuple[tuple[Resource, ...], bool]:
    settings = replace(SETTINGS, control_plane_url="https://c/api")
    return asyncio.run(resources_on_record(record, reads_of(MemoryTables(), settings=settings)))


def checked(request: PowerChange) -> Outcome:
    """The outcome where nothing is asked inside, so that nothing of Durable is needed."""
    context: Any = None
    with pytest.raises(StopIteration) as ended:
        next(check_after_change(context, request, context, "ml1 is running"))
    outcome: Outcome = ended.value.value
    return outcome
