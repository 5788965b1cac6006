"""The table of routes."""

from typing import Any

from api import adoption, blueprints, describing, environments, heartbeats, machines, operations, snoozing, sweeping
from api.answers import Page
from api.chatops import doors
from api.parameters import AFTER, DRY_RUN, ENVIRONMENT, FORCE, FORMAT, LIMIT, PURGE, REGION, SINCE, SIZE, VERDICT
from api.pictures import Picture
from api.route import CSV, FORM, HTML, Reply, Route, begun, ok
from api.wishes import DryRun
from environments.errors import (
    BlueprintNotFound,
    CommandNotPossible,
    EnvironmentBusy,
    EnvironmentNotFound,
    InvalidRequest,
    MachineNotFound,
    NameTaken,
    NotAllowed,
    NotAuthenticated,
    OperationNotFound,
    SweepNotFound,
    SweepUnderWay,
    TooManyRequests,
)
from environments.heartbeats import Heartbeat
from environments.leases import HoldRequest, LeaseRequest
from environments.reports import Line
from environments.roles import Right
from environments.specs import WorkstationSpec

HELD = (EnvironmentNotFound, EnvironmentBusy, CommandNotPossible)
SIGNED = (NotAuthenticated, InvalidRequest)
PAGED = (LIMIT, AFTER)
LOOK, OWN, OPERATE, NOTHING = Right.LOOK, Right.OWN, Right.OPERATE, Right.NOTHING

ROUTES = (
    Route(
        "PUT",
        "environments/{name}",
        environments.put_environment,
        OWN,
        begun(Picture, DryRun),
        (DRY_RUN,),
        WorkstationSpec,
        (EnvironmentBusy, NameTaken),
        costly=True,
    ),
    Route(
        "GET", "environments/{name}", environments.get_environment, LOOK, ok(Picture), no=(EnvironmentNotFound,), looks=True
    ),
    Route(
        "DELETE",
        "environments/{name}",
        environments.remove_environment,
        OWN,
        begun(environments.GoneAlready, environments.WouldDelete),
        (DRY_RUN, PURGE),
        no=HELD,
        costly=True,
    ),
    Route("GET", "environments", environments.list_environments, LOOK, ok(Page[Picture]), PAGED, costly=True),
    *(
        Route(
            "POST",
            f"environments/{{name}}/{verb}",
            handler,
            OWN,
            begun(Picture, environments.WouldChangePower),
            (DRY_RUN,),
            no=HELD,
            costly=True,
        )
        for verb, handler in (
            ("start", environments.start_environment),
            ("stop", environments.stop_environment),
            ("restart", environments.restart_environment),
        )
    ),
    Route(
        "GET",
        "environments/{name}/password",
        environments.get_password,
        OWN,
        ok(environments.PasswordPlace),
        no=(EnvironmentNotFound,),
    ),
    *(
        Route("POST", template, handler, OWN, ok(kind), (DRY_RUN,), takes, (EnvironmentNotFound, EnvironmentBusy))
        for template, handler, kind, takes in (
            ("environments/{name}/hold", environments.hold_environment, machines.Held, HoldRequest),
            ("environments/{name}/extend", environments.extend_environment, machines.Leased, LeaseRequest),
        )
    ),
    Route("GET", "machines", machines.list_machines, LOOK, ok(Page[Line]), (*PAGED, VERDICT)),
    Route(
        "GET",
        "machines/idle-report",
        machines.idle_report,
        LOOK,
        (*ok(machines.Report), Reply(200, None, CSV)),
        (*PAGED, FORMAT),
    ),
    *(
        Route("POST", template, handler, OPERATE, ok(kind), (DRY_RUN,), takes, (MachineNotFound, EnvironmentBusy))
        for template, handler, kind, takes in (
            ("machines/hold", machines.hold_machine, machines.Held, machines.MachineHold),
            ("machines/extend", machines.lease_machine, machines.Leased, machines.MachineLease),
        )
    ),
    *(
        Route(
            "POST",
            template,
            handler,
            OPERATE,
            begun(adoption.WouldAdopt),
            (DRY_RUN,),
            takes,
            (MachineNotFound, EnvironmentBusy, CommandNotPossible),
            costly=True,
        )
        for template, handler, takes in (
            ("machines/adopt", adoption.adopt, adoption.AdoptRequest),
            ("machines/release", adoption.release, adoption.ReleaseRequest),
        )
    ),
    Route(
        "POST",
        "sweeps",
        sweeping.post_sweep,
        OPERATE,
        (Reply(202, sweeping.SweepBegun),),
        (DRY_RUN,),
        no=(SweepUnderWay,),
        costly=True,
        tried_later=True,
    ),
    Route("GET", "sweeps/{id}", sweeping.get_sweep, LOOK, ok(sweeping.SweepView), no=(SweepNotFound,)),
    Route(
        "POST",
        "heartbeats",
        heartbeats.receive_heartbeat,
        NOTHING,
        ok(heartbeats.HeartbeatAnswer),
        takes=Heartbeat,
        no=(NotAuthenticated, NotAllowed, TooManyRequests),
        proof="Authorization",
    ),
    *(
        Route(
            method,
            "snooze/{link}",
            handler,
            NOTHING,
            (Reply(200, None, HTML), Reply(404, None, HTML)),
            no=(MachineNotFound,),
        )
        for method, handler in (("GET", snoozing.show_snooze), ("POST", snoozing.snooze))
    ),
    *(
        Route("POST", template, handler, NOTHING, ok(dict[str, Any]), no=SIGNED, proof="X-Slack-Signature", media=FORM)
        for template, handler in (
            ("chatops/slack", doors.slack_command),
            ("chatops/slack/interactions", doors.slack_interaction),
        )
    ),
    Route(
        "POST",
        "chatops/teams",
        doors.teams_message_in,
        NOTHING,
        ok(dict[str, Any]),
        takes=dict[str, Any],
        no=SIGNED,
        proof="Authorization",
    ),
    Route(
        "POST",
        "chatops/generic",
        doors.generic_message,
        NOTHING,
        ok(doors.GenericAnswer),
        takes=doors.GenericMessage,
        no=SIGNED,
        proof="X-Hub-Signature-256",
    ),
    Route(
        "GET",
        "operations",
        operations.list_operations,
        LOOK,
        ok(Page[operations.OperationView]),
        (*PAGED, ENVIRONMENT, SINCE),
    ),
    Route("GET", "operations/{id}", operations.get_operation, LOOK, ok(operations.OperationView), no=(OperationNotFound,)),
    Route(
        "POST",
        "operations/{id}/cancel",
        operations.cancel_operation,
        OWN,
        begun(operations.WouldCancel),
        (DRY_RUN, FORCE),
        no=(OperationNotFound, SweepNotFound, CommandNotPossible),
    ),
    Route(
        "GET",
        "blueprints",
        blueprints.list_blueprints,
        LOOK,
        ok(Page[blueprints.PricedCard]),
        (*PAGED, REGION, SIZE),
        looks=True,
    ),
    Route(
        "GET",
        "blueprints/{name}",
        blueprints.get_blueprint,
        LOOK,
        ok(blueprints.PricedCard),
        (REGION, SIZE),
        no=(BlueprintNotFound,),
        looks=True,
    ),
    Route("GET", "health", blueprints.get_health, NOTHING, ok(blueprints.Health)),
    Route("GET", "openapi.json", describing.get_description, NOTHING, ok(dict[str, Any])),
    Route("GET", "docs", describing.get_page, NOTHING, (Reply(200, None, HTML),)),
)
