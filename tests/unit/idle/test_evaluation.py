"""Evaluations: which policy, schedule and records apply to a machine, and what is invalid about them."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dormouse.clock import MINUTE
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.decision import NOTHING, decide
from dormouse.idle.evaluation import EvaluationRules, evaluation_of, with_evidence
from dormouse.idle.evidence import Evaluation, TimeSeries
from dormouse.idle.heartbeats.agent_record import AgentRecord, HoldOnMachine
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.responsibility import Neighbours, Unassigned
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import Hold, TrackedMachine
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import VirtualMachine
from dormouse.resources.plan import Resource
from tests.unit.builders import GROUP, IDENTIFIER, NOW, case, machine, quiet, remembered, warned

HOME = "0d0e5e00-0000-4000-8000-000000000001"
RULES = EvaluationRules(IdlePolicy(window=60, lead=7), home=HOME, longest_hold=120)
HOURS, OTHER_HOURS = "mon-fri 08:00-18:00 UTC", "sat 10:00-14:00 UTC"
NOT_A_POLICY = "invalid policy: unknown word 'maybe' (example: window=45m, lead=10m, gpu=optional)"


def environment(spec: object = None, **fields: Any) -> EnvironmentRecord:
    """The record of the environment `lab`, to which the machine of these tests belongs."""
    known: dict[str, Any] = dict.fromkeys(("blueprint", "owner", "region", "operation", "requested_at"), "something")
    vm = Resource("vm", "virtual_machine", IDENTIFIER)
    named = {"name": "lab", "spec": json.dumps(spec or {}), "resources": (vm,)}
    return EnvironmentRecord(**{**known, **named, **fields})


def there(**fields: Any) -> VirtualMachine:
    return machine(**{"subscription": HOME, **fields})


def evaluated(
    record: EnvironmentRecord | None = None,
    rules: EvaluationRules = RULES,
    tracked: TrackedMachine | None = None,
    **fields: Any,
) -> Evaluation:
    return evaluation_of(there(**fields), record, tracked, rules, NOW)


def test_a_machine_without_environment_tag_or_scope_is_not_watched() -> None:
    seen = evaluated()
    assert seen.policy == IdlePolicy(window=60, lead=7, enabled=False)
    assert (seen.machine, seen.now, seen.schedule, seen.fault, seen.unreadable) == (there(), NOW, None, "", "")


def test_a_machine_of_an_environment_is_watched_with_the_policy_of_the_settings() -> None:
    seen = evaluated(environment())
    assert (seen.policy, seen.machine.environment) == (RULES.policy, "lab")


def test_the_policy_of_the_spec_replaces_the_one_of_the_settings() -> None:
    assert evaluated(environment({"idle": {"window": 45}})).policy == IdlePolicy(window=45)
    assert not evaluated(environment({"idle": {"enabled": False}})).policy.enabled
    assert evaluated(environment({"idle": {}})).policy == RULES.policy
    assert evaluated(environment({"idle": None})).policy == RULES.policy


def test_the_tag_overrides_only_the_words_that_it_contains() -> None:
    tags = {"dormouse-idle": "window=20m"}
    assert evaluated(tags=tags).policy == IdlePolicy(window=20, lead=7)
    assert evaluated(environment({"idle": {"window": 45, "lead": 3}}), tags=tags).policy == IdlePolicy(window=20, lead=3)
    assert not evaluated(environment(), tags={"dormouse-idle": "off"}).policy.enabled


@pytest.mark.parametrize(
    ("scope", "watched"),
    [
        (GROUP.lower(), True),
        (GROUP.lower().rpartition("/resourcegroups/")[0], True),
        (IDENTIFIER.lower(), True),
        (GROUP.lower()[:-1], False),  # a group whose name only begins in the same way
        ("/subscriptions/0d0e5e00-0000-4000-8000-000000000002", False),
    ],
)
def test_a_machine_in_a_watched_scope_is_watched(scope: str, watched: bool) -> None:
    assert evaluated(rules=replace(RULES, scopes=("/subscriptions/none", scope))).policy.enabled is watched


@pytest.mark.parametrize(
    ("identifier", "belongs"),
    [
        (IDENTIFIER, True),
        (IDENTIFIER.upper(), True),
        (IDENTIFIER.replace("/lab/", "/other/"), False),
        (f"{IDENTIFIER}2", False),
        (IDENTIFIER.replace("0d0e5e00", "0d0e5e01"), False),
    ],
)
def test_an_environment_counts_only_for_its_own_machine(identifier: str, belongs: bool) -> None:
    seen = evaluated(environment({"schedule": HOURS}), id=identifier)
    assert seen.machine.environment == ("lab" if belongs else "")
    assert seen.policy.enabled is belongs
    assert (seen.schedule is not None) is belongs


def test_a_machine_is_needed_by_the_machines_that_depend_on_it_unless_they_are_stopped() -> None:
    others = [Resource(name, "virtual_machine", f"{IDENTIFIER}-{name}", needs=("vm",)) for name in ("b", "c")]
    further = Resource("d", "virtual_machine", f"{IDENTIFIER}-d", needs=("c",))
    record = environment(resources=(Resource("vm", "virtual_machine", IDENTIFIER), *others, further))
    states = {f"{IDENTIFIER}-b".lower(): State.STOPPED, f"{IDENTIFIER}-c".lower(): State.RUNNING}
    seen = evaluation_of(there(), record, None, RULES, NOW, states=states)
    assert seen.needed_by == ("vm-c (running)", "vm-d (unknown)")
    last = evaluation_of(there(id=further.id), record, None, RULES, NOW, states=states)
    assert last.needed_by == ()


def test_the_schedule_comes_from_the_tag_and_without_one_from_the_spec() -> None:
    spec, off = environment({"schedule": f" {HOURS}"}), frozenset({date(2027, 1, 1)})
    rules = replace(RULES, days_off=off)
    assert evaluated(spec, rules).schedule == read_schedule(HOURS, off)
    tagged = evaluated(spec, rules, tags={"dormouse-schedule": f"{OTHER_HOURS} "})
    assert tagged.schedule == read_schedule(OTHER_HOURS, off)
    assert tagged.tracked.schedule == OTHER_HOURS
    blank = evaluated(spec, rules, tags={"dormouse-schedule": " "})
    assert (blank.schedule, blank.fault, blank.tracked.schedule) == (None, "", "")


def test_everything_that_is_invalid_about_a_machine_is_one_fault() -> None:
    tags = {"dormouse_keep": "", "dormouse-idle": "maybe", "dormouse-schedule": "soon"}
    seen = evaluated(environment(), tags=tags)
    misspelt, policy, schedule = seen.fault.split("; ")[0], NOT_A_POLICY, "invalid schedule: "
    assert misspelt == "unknown tag 'dormouse_keep' (did you mean 'dormouse-keep'?)"
    assert seen.fault.startswith(f"{misspelt}; {policy}; {schedule}")
    assert (seen.policy, seen.schedule) == (RULES.policy, None)
    assert evaluated(tags=tags).policy == RULES.policy, "the tag opts in, whatever it contains"


def test_a_stored_policy_that_is_invalid_is_a_fault_and_the_policy_of_the_settings_applies() -> None:
    seen = evaluated(environment({"idle": {"window": 4}}))
    assert seen.fault == "the stored policy is invalid: window: must be between 5m and 6h"
    assert seen.policy == RULES.policy


def test_a_spec_that_is_not_json_is_a_fault() -> None:
    broken = evaluated(replace(environment(), spec="{"))
    assert broken.fault.startswith("the spec of its environment is not JSON (")
    assert broken.fault.endswith("(char 1))")
    assert (broken.policy, broken.schedule) == (RULES.policy, None)


def test_a_spec_that_is_not_an_object_is_an_empty_one() -> None:
    seen = evaluated(replace(environment(), spec="[1]"))
    assert (seen.fault, seen.policy, seen.schedule) == ("", RULES.policy, None)


@pytest.mark.parametrize(
    ("own", "named", "environment_name", "left"),
    [
        ("prod", "test", "", True),
        ("prod", "test", "lab", False),
        ("prod", "prod", "", False),
        ("prod", "", "", False),
        ("", "test", "", False),
    ],
)
def test_a_machine_of_another_deployment_is_left_to_it(own: str, named: str, environment_name: str, left: bool) -> None:
    rules = replace(RULES, deployment=own, scopes=(GROUP.lower(),))
    tags = {"dormouse-deployment": named, "dormouse-idle": "on"} if named else {"dormouse-idle": "on"}
    assert rules.leaves_to_others(there(tags=tags, environment=environment_name)) is left
    assert evaluated(rules=rules, tags=tags, environment=environment_name).policy.enabled is not left


SHARED = Neighbours({HOME: "others watch its subscription"})


@pytest.mark.parametrize(
    ("tags", "unassigned", "doubt", "watched"),
    [
        ({"dormouse-idle": "on"}, Unassigned.ALONE, "others watch its subscription", True),
        ({}, Unassigned.ALONE, "", False),
        ({"dormouse-idle": "on", "dormouse-deployment": "prod"}, Unassigned.ALONE, "", True),
        ({"dormouse-idle": "on", "dormouse-deployment": "test"}, Unassigned.ALONE, "", False),
        ({"dormouse-idle": "on"}, Unassigned.ALWAYS, "", True),
        ({"dormouse-idle": "on"}, Unassigned.NEVER, "", False),
        ({"dormouse-idle": "on", "dormouse-deployment": "prod"}, Unassigned.NEVER, "", True),
    ],
)
def test_a_machine_that_names_no_deployment_is_watched_where_this_one_is_alone_or_responsible(
    tags: dict[str, str], unassigned: Unassigned, doubt: str, watched: bool
) -> None:
    rules = replace(RULES, deployment="prod", unassigned=unassigned, neighbours=SHARED)
    seen = evaluated(rules=rules, tags=tags)
    assert (seen.unreadable, seen.policy.enabled) == (doubt, watched)
    alone = replace(rules, neighbours=Neighbours({"another-subscription": "others"}))
    assert evaluated(rules=alone, tags=tags).unreadable == ""
    assert evaluated(environment(), rules, tags={"dormouse": "lab"}).unreadable == "", (
        "it is certain whose environment it is"
    )
    in_scope = replace(rules, scopes=(GROUP.lower(),))
    assert (evaluated(rules=in_scope).unreadable != "") is (unassigned is Unassigned.ALONE)


def test_nothing_is_certain_while_another_control_plane_has_the_same_deployment_id() -> None:
    rules = replace(RULES, deployment="prod", neighbours=Neighbours(twins="another control plane has the ID"))
    for seen in (evaluated(rules=rules), evaluated(environment(), rules, tags={"dormouse": "lab"})):
        assert seen.unreadable == "another control plane has the ID"
        assert decide(seen, evaluate(seen)) == NOTHING


@pytest.mark.parametrize(
    ("deployment", "idle", "named", "doubted"),
    [("prod", "", None, True), ("test", "", None, False), ("", "", None, False), ("prod", "on", None, False)],
)
def test_a_machine_of_an_environment_without_a_record_is_left_alone(
    deployment: str, idle: str, named: EnvironmentRecord | None, doubted: bool
) -> None:
    rules = replace(RULES, deployment="prod", scopes=(GROUP.lower(),))
    tags = {"dormouse": "lab", "dormouse-deployment": deployment, "dormouse-idle": idle}
    tags = {name: value for name, value in tags.items() if value}
    seen = evaluated(named, rules, tags=tags)
    assert ("the environment lab, of which this deployment has no record" in seen.unreadable) is doubted
    other = environment(resources=())
    assert evaluated(other, rules, tags=tags).unreadable == "", "the tag was copied: the environment has other machines"


def test_without_settings_the_default_policy_applies_in_every_subscription_and_deployment() -> None:
    rules = EvaluationRules()
    seen = evaluated(environment(), rules, subscription="elsewhere")
    assert (seen.policy, seen.machine.environment) == (IdlePolicy(), "lab")
    assert evaluated(rules=rules, tags={"dormouse-idle": "on", "dormouse-deployment": "test"}).policy.enabled
    assert rules.longest_hold == 0
    assert with_evidence(case(), quiet(), RECORD, rules).hold is None, "no hold on the machine is longer than allowed"


def test_the_machine_is_observed_and_its_unreadable_record_is_named() -> None:
    known = remembered(state=State.STOPPED, schedule=HOURS, schedule_since=NOW - 60)
    seen = evaluation_of(there(), None, known, RULES, NOW, unreadable="This release cannot read the row")
    assert (seen.tracked.state, seen.tracked.state_since, seen.tracked.schedule_since) == (State.RUNNING, NOW, NOW)
    assert seen.unreadable == "This release cannot read the row"
    assert evaluated(tags={"dormouse-schedule": HOURS}, tracked=known).tracked.schedule_since == NOW - 60


RECORD = AgentRecord(
    IDENTIFIER,
    NOW - 30,
    NOW - 7200,
    gpu="ok",
    gpu_problem="of the GPU",
    names=("cpu_percent",),
    minutes={int(NOW // MINUTE) - ago: (float(ago),) for ago in range(70)},
    holds=(HoldOnMachine("bob", "", NOW - 60, NOW + 86400),),
    shown={"w": NOW - 45},
    problems={"logins": "there is no utmp"},
)
OWN = Hold("alice", "", NOW - 60, NOW + 60)
TOLD = remembered(hold=OWN, warning=warned(delivered_at=0.0))


def test_what_the_agent_reports_is_evidence_for_the_window_of_the_policy() -> None:
    outside = quiet(inside=None, heard_at=0.0, booted_at=0.0, gpu="")
    seen = with_evidence(case(tracked=TOLD, policy=IdlePolicy(window=5)), outside, RECORD, RULES)
    found = seen.evidence
    assert found.inside == {"cpu_percent": TimeSeries((8.0, 7.0, 6.0, 5.0, 4.0), (3.0, 2.0, 1.0, 0.0))}
    assert (found.host, found.host_end) == (outside.host, outside.host_end)
    assert (found.heard_at, found.booted_at, found.gpu, found.gpu_problem, found.problems) == (
        NOW - 30, NOW - 7200, "ok", "of the GPU", {"logins": "there is no utmp"},
    )  # fmt: skip
    assert seen.hold == Hold("bob (on vm)", "", NOW - 60, NOW - 60 + 120 * MINUTE)
    assert seen.tracked.warning is not None
    assert seen.tracked.warning.delivered_at == NOW - 45


@pytest.mark.parametrize("record", [None, replace(RECORD, heard_at=NOW - 601)])
def test_without_a_report_about_this_machine_only_azure_monitor_and_its_own_hold_count(record: AgentRecord | None) -> None:
    outside = quiet(inside=None)
    seen = with_evidence(case(machine=there(created=NOW - 600), tracked=TOLD), outside, record, RULES)
    assert (seen.evidence, seen.hold, seen.tracked) == (outside, OWN, TOLD)


def test_a_report_from_the_moment_of_creation_is_about_this_machine() -> None:
    seen = with_evidence(case(machine=there(created=NOW - 30)), quiet(inside=None), RECORD, RULES)
    assert seen.evidence.inside is not None


def test_a_host_that_the_objects_of_a_cluster_need_is_in_use_and_has_no_hours_of_its_own() -> None:
    """The queue of a runner cluster does nothing for hours, and without it no message arrives."""
    cluster = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks-lab"
    watch = Resource("queue-watch", "kubernetes_object", f"{cluster}/apis/apps/v1/x", needs=("vm",))
    record = environment({"schedule": HOURS}, resources=(Resource("vm", "virtual_machine", IDENTIFIER), watch))
    seen = evaluated(record)
    assert (seen.needed_by, seen.schedule) == (("aks-lab",), None)
    tagged = evaluated(record, tags={"dormouse-schedule": OTHER_HOURS})
    assert tagged.schedule == read_schedule(OTHER_HOURS)
    alone = evaluated(replace(record, resources=(Resource("vm", "virtual_machine", IDENTIFIER), replace(watch, needs=()))))
    assert (alone.needed_by, alone.schedule) == ((), read_schedule(HOURS))
