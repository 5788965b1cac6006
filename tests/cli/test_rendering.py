"""Responses as text for people: environments, plans, machines and operations."""

from typing import Any

import pytest

from tests.cli.support import Command, FakeServer

HOLD = {"by": "ana", "reason": "thesis", "since": "2026-05-01T12:00:00Z", "until": "2026-05-01T14:00:00Z"}
LEASE = {"by": "ana", "then": "stop", "since": None, "until": "2026-05-03T12:00:00Z"}
ENVIRONMENT: dict[str, Any] = {
    "name": "ml1",
    "blueprint": "workstation",
    "owner": "ana",
    "region": "polandcentral",
    "state": "running",
    "billed": True,
    "observed_at": "2026-05-01T12:00:00Z",
    "resources": [
        {"name": "vm", "kind": "virtual_machine", "id": "/vm", "state": "running", "size": "Standard_NV6ads_A10_v5"},
        {"name": "address", "kind": "public_address", "id": "/pip", "state": None, "size": None},
    ],
    "price_per_hour": {"amount": 0.59, "currency": "USD"},
    "costs": {
        "per_month": {"amount": 430.7, "currency": "USD"},
        "this_month": {"amount": 12.27, "currency": "USD"},
        "hours_this_month": 20.8,
        "saved": {"amount": 7.38, "currency": "USD"},
        "hours_asleep": 12.5,
    },
    "endpoints": [
        {
            "kind": "ssh",
            "host": "203.0.113.10",
            "port": 22,
            "command": "ssh azureuser@203.0.113.10",
            "username": "azureuser",
        },
        {"kind": "https", "host": "203.0.113.10", "port": 443, "command": None, "username": None, "note": "self-signed"},
    ],
    "secrets": [{"name": "password", "uri": "https://kv.vault.azure.net/secrets/x"}],
    "depends_on": [],
    "operation": None,
    "hold": HOLD,
    "lease": LEASE,
    "planned": {"then": "delete", "at": None, "text": "Its environment is not deleted while vm-2 runs."},
    "schedule": None,
    "verdict": None,
    "ready": False,
    "problem": None,
}
PLAN: dict[str, Any] = {
    "environment": "ml1",
    "blueprint": "workstation",
    "region": "polandcentral",
    "would": "create",
    "resources": [{"name": "vm", "kind": "virtual_machine", "id": "/x", "needs": ["nic", "password"], "action": "create"}],
    "price_per_hour": {"amount": 0.59, "currency": "USD"},
    "price_per_month": {"amount": 430.7, "currency": "USD"},
    "price_covers": "the machine while it is allocated",
    "refusals": [],
    "warnings": [],
    "alternatives": [],
}
MACHINE: dict[str, Any] = {
    "id": "/subscriptions/s/resourceGroups/research/providers/Microsoft.Compute/virtualMachines/gpu1",
    "name": "gpu1",
    "environment": None,
    "state": "running",
    "verdict": "idle",
    "reason": "Idle for 30 minutes.",
    "next_action": "stop",
    "next_action_at": "2026-05-01T12:10:00Z",
    "next_action_text": "It will be stopped.",
    "hours_asleep": 12.0,
    "saved_amount": 7.08,
    "currency": "USD",
}


def test_blueprints_are_shown_with_their_price_in_a_region(dormouse: Command, server: FakeServer) -> None:
    card = {"name": "workstation", "summary": "One GPU VM.", "sizes": ["NV6"], "region": None, "price_per_hour": None}
    server.respond(lambda request: request.json({"value": [card], "next": None}))
    assert dormouse("blueprints").out.splitlines()[0].split() == ["NAME", "SIZE", "DESCRIPTION"]
    priced = {**card, "region": "eastus", "price_per_hour": {"amount": 0.45, "currency": "USD"}, "price_covers": "the VM"}
    server.respond(lambda request: request.json({"value": [priced], "next": None}))
    assert dormouse("blueprints", "-r", "eastus").out.splitlines()[1] == "workstation  NV6   0.45 USD/h  One GPU VM."
    parameters = {"required": ["region"], "properties": {"region": {}, "size": {}, "disk": {}}}
    details = {**priced, "parameters": parameters, "defaults": {"size": "NV6", "disk": {"size_gib": 64, "type": "ssd"}}}
    server.respond(lambda request: request.json(details))
    assert dormouse("blueprints", "workstation", "-r", "eastus").out.splitlines() == [
        "workstation: One GPU VM.",
        "",
        "PARAMETER  DEFAULT",
        "region     required",
        "size       NV6",
        "disk       size_gib: 64, type: ssd",
        "",
        "NV6 in eastus: 0.45 USD/h, for the VM.",
    ]


def test_an_environment_is_shown_without_what_is_null(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json(ENVIRONMENT))
    assert dormouse("show", "ml1").out.splitlines() == [
        "name       ml1",
        "state      running",
        "ready      no: the health checks have not passed yet",
        "blueprint  workstation",
        "owner      ana",
        "region     polandcentral",
        "size       Standard_NV6ads_A10_v5",
        "price      0.59 USD/h (billed)",
        "monthly    430.70 USD if it is left on",
        "spent      12.27 USD this month, for 20.8 h",
        "saved      7.38 USD this month, asleep for 12.5 h",
        "ssh        ssh azureuser@203.0.113.10",
        "https      203.0.113.10:443",
        "           self-signed",
        "username   azureuser",
        "password   dormouse password ml1",
        "hold       until 2026-05-01 14:00 UTC (set by ana: thesis)",
        "lease      stopped at 2026-05-03 12:00 UTC unless the lease is renewed",
        "planned    Its environment is not deleted while vm-2 runs.",
        "observed   2026-05-01 12:00:00 UTC",
    ]


def test_several_machines_are_shown_with_their_states_and_counted_by_size(dormouse: Command, server: FakeServer) -> None:
    machines = [
        {"name": f"vm-{place}", "kind": "virtual_machine", "id": f"/{place}", "state": state, "size": "D4"}
        for place, state in (("a", "running"), ("b", "stopped"))
    ]
    several = {**ENVIRONMENT, "state": "partial", "resources": machines, "depends_on": ["shared", "net"]}
    server.respond(lambda request: request.json(several))
    shown = dormouse("show", "ml1").out.splitlines()
    for row in ("depends on  shared, net", "size        2 x D4", "vm-a        running", "vm-b        stopped"):
        assert row in shown


def test_a_hibernated_environment_says_that_its_memory_is_kept(dormouse: Command, server: FakeServer) -> None:
    told = {**ENVIRONMENT, "state": "stopped"}
    server.respond(lambda request: request.json(told))
    for hibernated, words in ((True, "kept: the next start resumes it"), (False, ""), (None, "")):
        told["hibernated"] = hibernated
        lines = [line for line in dormouse("show", "ml1").out.splitlines() if line.startswith("memory")]
        assert [line.split(maxsplit=1)[1] for line in lines] == ([words] if words else [])


def test_an_environment_with_nothing_but_nulls_is_shown(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json(dict.fromkeys(ENVIRONMENT) | {"name": "ml1", "state": "absent"}))
    shown = dormouse("show", "ml1")
    assert (shown.code, "None" in shown.out, shown.out.splitlines()[:2]) == (0, False, ["name   ml1", "state  absent"])


def test_a_plan_lists_resources_price_and_refusals(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json(PLAN))
    assert dormouse("plan", "ml1", "--blueprint", "workstation").out.splitlines() == [
        "ml1 (workstation in polandcentral) would be created:",
        "",
        "RESOURCE  KIND             NEEDS          ACTION",
        "vm        virtual_machine  nic, password  create",
        "",
        "Price: 0.59 USD/h, for the machine while it is allocated. That is 430.7 USD per month of 730 hours.",
    ]
    refusals = [{"reason": "quota_exceeded", "detail": "6 cores needed, 0 left.", "advice": "Ask for more."}]
    unknown = {"price_per_hour": None, "price_per_month": None, "warnings": ["Not checked before: images fit."]}
    server.respond(lambda request: request.json({**PLAN, **unknown, "refusals": refusals}))
    refused = dormouse("plan", "ml1", "--blueprint", "workstation")
    assert (refused.code, refused.err) == (1, "This plan would be refused.\n")
    assert refused.out.splitlines()[-3:] == [
        "Price: unknown.",
        "Would be refused (quota_exceeded): 6 cores needed, 0 left. Ask for more.",
        "Warning: Not checked before: images fit.",
    ]


def test_what_the_spec_has_dropped_is_listed_in_plans_and_environments(dormouse: Command, server: FakeServer) -> None:
    dropped = ["/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r", "/x/y"]
    server.respond(lambda request: request.json({**PLAN, "drift": dropped}))
    lines = dormouse("plan", "ml1", "--blueprint", "workstation").out.splitlines()
    assert lines[-3:] == [
        "Still there, although the spec no longer names it; it is neither changed nor deleted:",
        *dropped,
    ]
    server.respond(lambda request: request.json({**ENVIRONMENT, "drift": dropped}))
    shown = [line for line in dormouse("show", "ml1").out.splitlines() if line.startswith("not in spec")]
    assert [line.split()[-1] for line in shown] == dropped


def test_a_plan_lists_what_is_tried_if_azure_has_no_capacity(dormouse: Command, server: FakeServer) -> None:
    price = {"amount": 1.18, "currency": "USD"}
    others = [
        {"region": "polandcentral", "size": "Standard_NV12ads_A10_v5", "zone": "2", "price_per_hour": price},
        {"region": "swedencentral", "size": "Standard_NV6ads_A10_v5", "zone": None, "price_per_hour": None},
    ]
    server.respond(lambda request: request.json({**PLAN, "alternatives": others}))
    assert dormouse("plan", "ml1", "--blueprint", "workstation").out.splitlines()[-4:] == [
        "If Azure has no capacity, these are tried in this order:",
        "SIZE                     ZONE  REGION         PRICE",
        "Standard_NV12ads_A10_v5  2     polandcentral  1.18 USD/h",
        "Standard_NV6ads_A10_v5   any   swedencentral",
    ]


def test_an_environment_that_was_built_elsewhere_says_so(dormouse: Command, server: FakeServer) -> None:
    placement = {"region": "swedencentral", "size": "Standard_NV6ads_A10_v5", "zone": "1"}
    server.respond(lambda request: request.json({**ENVIRONMENT, "placement": placement}))
    (line,) = [line for line in dormouse("show", "ml1").out.splitlines() if line.startswith("placement")]
    assert "Standard_NV6ads_A10_v5 in zone 1 of swedencentral; Azure had no capacity where the spec asks first" in line


def test_machines_are_listed_with_reason_and_next_action(dormouse: Command, server: FakeServer) -> None:
    quiet = {**MACHINE, "environment": "ml1", "verdict": "busy", "next_action": None, "next_action_text": None}
    server.respond(lambda request: request.json({"value": [MACHINE, quiet], "next": None, "problems": []}))
    assert dormouse("machines").out.splitlines() == [
        "MACHINE        STATE    VERDICT  REASON                NEXT ACTION",
        "research/gpu1  running  idle     Idle for 30 minutes.  It will be stopped.",
        "ml1            running  busy     Idle for 30 minutes.",
    ]


def test_the_idle_report_shows_hours_asleep_and_savings(dormouse: Command, server: FakeServer) -> None:
    summary = {"machines": 1, "verdicts": {"idle": 1}, "actions": {"stop": 1}, "saved_amount": 7.08, "hours_asleep": 12.0}
    report = {"sweep": "sweep-1", "dry_run": True, "as_of": "2026-05-01T12:00:00Z", "summary": summary, "value": [MACHINE]}
    server.respond(lambda request: request.json({**report, "next": None, "problems": []}))
    assert dormouse("idle").out.splitlines() == [
        "sweep-1, 2026-05-01 12:00:00 UTC (dry run): 1 machine: 1 idle.",
        "Stopped by sweeps for 12.0 h in total, which saved 7.08 USD.",
        "Actions without --dry-run: stop 1.",
        "",
        "MACHINE        VERDICT  REASON                NEXT ACTION          ASLEEP  SAVED",
        "research/gpu1  idle     Idle for 30 minutes.  It will be stopped.  12.0 h  7.08 USD",
    ]
    before: dict[str, Any] = {
        "sweep": None,
        "dry_run": False,
        "as_of": None,
        "summary": {"machines": 0},
        "value": [],
        "next": None,
    }
    server.respond(lambda request: request.json(before))
    assert dormouse("idle").out == "No sweep has finished yet.\n"


def test_operations_are_listed_with_their_outcome(dormouse: Command, server: FakeServer) -> None:
    operation = {
        "id": "ml1-stop-1",
        "environment": "ml1",
        "verb": "stop",
        "requested_by": "ana",
        "channel": "token",
        "status": "InProgress",
        "outcome": None,
        "reason": None,
        "accepted_at": "2026-05-01T12:00:00Z",
        "steps": [{"name": "stop", "state": "done", "began_seconds": 0.0, "ended_seconds": 9.0, "duration_seconds": 9.0}],
        "makespan_seconds": 9.0,
    }
    ended = {**operation, "status": "Failed", "outcome": "failed", "reason": "Azure rejected it.", "accepted_at": None}
    server.respond(lambda request: request.json({"value": [operation, ended], "next": None, "problems": []}))
    assert dormouse("operations").out.splitlines() == [
        "ACCEPTED                 OPERATION  ENVIRONMENT  OUTCOME  DURATION  REQUESTED BY  ID",
        "2026-05-01 12:00:00 UTC  stop       ml1          running  9 s       ana           ml1-stop-1",
        "                         stop       ml1          failed   9 s       ana           ml1-stop-1",
    ]
    server.respond(lambda request: request.json(operation))
    assert dormouse("operations", "ml1-stop-1").out.splitlines() == [
        "STEP  STATE  BEGAN  ENDED  DURATION",
        "stop  done   0.0 s  9.0 s  9.0 s",
        "",
        "stop ml1: running.",
        "Requested by ana at 2026-05-01 12:00:00 UTC.",
    ]


@pytest.mark.parametrize(
    ("command", "response", "says"),
    [
        (("stop", "ml1"), {"environment": "ml1", "would": "stop", "state": "running"}, "stop ml1 (state: running)"),
        (
            ("rm", "ml1"),
            {"environment": "ml1", "would": "delete", "resources": ["/g", "/v"]},
            "delete ml1 (resources: /g, /v)",
        ),
        (("adopt", "/x"), {"machine": "/x", "would": "adopt", "tags": {"a": "b=1"}}, 'adopt /x (tags: a="b=1")'),
        (("release", "/x"), {"machine": "/x", "would": "release", "tags": {}}, "release /x"),
    ],
)
def test_a_dry_run_says_what_would_happen(
    dormouse: Command, server: FakeServer, command: tuple[str, ...], response: dict[str, Any], says: str
) -> None:
    server.respond(lambda request: request.json(response))
    result = dormouse(*command, "--dry-run")
    assert (result.code, result.out) == (0, f"Would {says}. Nothing was changed.\n")


def test_holds_and_leases_are_confirmed(dormouse: Command, server: FakeServer) -> None:
    held = "ml1 is kept awake until 2026-05-01 14:00 UTC (set by ana: thesis)."
    server.respond(lambda request: request.json({"machine": "/x", "hold": HOLD, "kept": None}))
    assert dormouse("hold", "ml1", "2h").out == f"{held}\n"
    assert dormouse("hold", "ml1", "2h", "--dry-run").out == f"{held} Dry run: nothing was changed.\n"
    server.respond(lambda request: request.json({"machine": "/x", "hold": HOLD, "kept": "longer"}))
    longer = f"A longer hold is already in place: {held} To remove it, use the duration 0.\n"
    assert dormouse("hold", "ml1", "1h").out == longer
    server.respond(lambda request: request.json({"machine": "/x", "hold": None, "kept": None}))
    assert dormouse("hold", "ml1", "0").out == "ml1 has no hold.\n"
    server.respond(lambda request: request.json({"machine": "/x", "lease": LEASE}))
    assert (
        dormouse("extend", "ml1", "2d").out == "ml1 will be stopped at 2026-05-03 12:00 UTC unless the lease is renewed.\n"
    )
    server.respond(lambda request: request.json({"machine": "/x", "lease": None}))
    assert dormouse("extend", "ml1", "0").out == "ml1 has no lease.\n"
