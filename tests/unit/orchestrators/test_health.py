"""What a start is checked for, and what its findings come to."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse import serialization
from dormouse.blueprints.specs import read_spec
from dormouse.environments.operations import ChangePower, EnvironmentRecord
from dormouse.environments.results import Check, HealthCheckResult, Outcome, OutcomeStatus
from dormouse.lifecycle import Verb
from dormouse.services.apply import machine_on_record
from dormouse.settings import Settings
from orchestrators.environments.health import health_outcome
from orchestrators.environments.power import check_after_change
from tests.support import WORKSTATION

SETTINGS = Settings(
    "0d0e", "https://v.vault.azure.net", "https://r.table.core.windows.net", control_plane_url="https://c/api"
)
SPEC = read_spec("ml1", WORKSTATION, caller_address="198.51.100.7", caller="ann")
RECORD = EnvironmentRecord(
    name="ml1",
    blueprint="workstation",
    owner="ann",
    region="polandcentral",
    group="rg-of-an-earlier-release",
    machine="vm-earlier",
    secret="secret",
    spec=serialization.text_of(SPEC),
    operation="ml1-provision-1",
    requested_at="2026-01-01T00:00:00+00:00",
)
PASSED, WAITING = (
    HealthCheckResult("gpu", Check.PASSED, "A10"),
    HealthCheckResult("blob-mount", Check.WAITING, "/mnt is not mounted yet"),
)


def test_the_machine_on_record_is_asked_for_what_its_spec_wants_where_it_was_built() -> None:
    machine = machine_on_record(RECORD, SETTINGS)
    assert machine is not None
    assert (machine.group, machine.name) == ("rg-of-an-earlier-release", "vm-earlier")
    assert machine.id.endswith("/rg-of-an-earlier-release/providers/Microsoft.Compute/virtualMachines/vm-earlier")
    assert (machine.setup.gpu, machine.setup.control_plane) == (True, "https://c/api")


@pytest.mark.parametrize("changes", [{"spec": '{"idle": {"cpu_cores": null}}'}, {"spec": "{"}, {"blueprint": "of-tomorrow"}])
def test_a_spec_that_newer_rules_refuse_keeps_no_machine_from_starting(changes: dict[str, Any]) -> None:
    assert machine_on_record(replace(RECORD, **changes), SETTINGS) is None
    outcome = checked(ChangePower("ml1-start-1", "ml1", Verb.START, "g", "m"))
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert "Health checks did not run" in outcome.reason


def test_a_machine_that_was_stopped_is_not_asked_inside() -> None:
    machine = machine_on_record(RECORD, SETTINGS)
    outcome = checked(ChangePower("ml1-stop-1", "ml1", Verb.STOP, "g", "m", inside=machine))
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
def test_only_checks_that_have_all_passed_are_a_success(
    findings: tuple[HealthCheckResult, ...], verdict: OutcomeStatus
) -> None:
    outcome = health_outcome(findings, passed="ml1 is running", failed="ml1 is running")
    assert (outcome.status, outcome.health_checks) == (verdict, findings)
    assert all(finding.detail in outcome.reason for finding in findings if finding.result is not Check.PASSED)


def checked(request: ChangePower) -> Outcome:
    """The outcome where nothing is asked inside, so that nothing of Durable is needed."""
    context: Any = None
    with pytest.raises(StopIteration) as ended:
        next(check_after_change(context, request, context))
    outcome: Outcome = ended.value.value
    return outcome
