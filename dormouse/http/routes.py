"""The table of routes."""

from typing import Any

from dormouse.access.roles import Permission
from dormouse.blueprints.specs import WorkstationSpec
from dormouse.chatops import endpoints
from dormouse.errors import (
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
from dormouse.http.handlers import (
    adoption,
    blueprints,
    environments,
    heartbeats,
    machines,
    operations,
    snooze,
    sweeps,
)
from dormouse.http.openapi import document
from dormouse.http.parameters import (
    AFTER,
    DRY_RUN,
    ENVIRONMENT,
    FORCE,
    FORMAT,
    LIMIT,
    PURGE,
    REGION,
    SINCE,
    SIZE,
    VERDICT,
)
from dormouse.http.responses import Page
from dormouse.http.route import CSV, FORM, HTML, Reply, Route, begun, ok
from dormouse.idle.heartbeat import Heartbeat
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.idle.report import ReportRow
from dormouse.services.views.environments import (
    AlreadyDeleted,
    ApplyPreview,
    DeletePreview,
    EnvironmentView,
    PasswordLocation,
    PowerPreview,
)
from dormouse.services.views.machines import AdoptionPreview, HoldView, IdleReport, LeaseView
from dormouse.services.views.operations import CancelPreview, OperationView
from dormouse.services.views.sweeps import SweepAccepted, SweepView

HELD = (EnvironmentNotFound, EnvironmentBusy, CommandNotPossible)
SIGNED = (NotAuthenticated, InvalidRequest)
PAGED = (LIMIT, AFTER)
LOOK, OWN, OPERATE, NOTHING = Permission.LOOK, Permission.OWN, Permission.OPERATE, Permission.NOTHING

ROUTES = (
    Route(
        "PUT",
        "environments/{name}",
        environments.put_environment,
        OWN,
        begun(EnvironmentView, ApplyPreview),
        (DRY_RUN,),
        WorkstationSpec,
        (EnvironmentBusy, NameTaken),
        rate_limited=True,
    ),
    Route(
        "GET",
        "environments/{name}",
        environments.get_environment,
        LOOK,
        ok(EnvironmentView),
        raises=(EnvironmentNotFound,),
        reads_limited=True,
    ),
    Route(
        "DELETE",
        "environments/{name}",
        environments.remove_environment,
        OWN,
        begun(AlreadyDeleted, DeletePreview),
        (DRY_RUN, PURGE),
        raises=HELD,
        rate_limited=True,
    ),
    Route("GET", "environments", environments.list_environments, LOOK, ok(Page[EnvironmentView]), PAGED, rate_limited=True),
    *(
        Route(
            "POST",
            f"environments/{{name}}/{verb}",
            handler,
            OWN,
            begun(EnvironmentView, PowerPreview),
            (DRY_RUN,),
            raises=HELD,
            rate_limited=True,
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
        ok(PasswordLocation),
        raises=(EnvironmentNotFound,),
    ),
    *(
        Route("POST", template, handler, OWN, ok(kind), (DRY_RUN,), takes, (EnvironmentNotFound, EnvironmentBusy))
        for template, handler, kind, takes in (
            ("environments/{name}/hold", environments.hold_environment, HoldView, HoldRequest),
            ("environments/{name}/extend", environments.extend_environment, LeaseView, LeaseRequest),
        )
    ),
    Route("GET", "machines", machines.list_machines, LOOK, ok(Page[ReportRow]), (*PAGED, VERDICT)),
    Route(
        "GET",
        "machines/idle-report",
        machines.idle_report,
        LOOK,
        (*ok(IdleReport), Reply(200, None, CSV)),
        (*PAGED, FORMAT),
    ),
    *(
        Route("POST", template, handler, OPERATE, ok(kind), (DRY_RUN,), takes, (MachineNotFound, EnvironmentBusy))
        for template, handler, kind, takes in (
            ("machines/hold", machines.hold_machine, HoldView, machines.MachineHold),
            ("machines/extend", machines.extend_machine, LeaseView, machines.MachineLease),
        )
    ),
    *(
        Route(
            "POST",
            template,
            handler,
            OPERATE,
            begun(AdoptionPreview),
            (DRY_RUN,),
            takes,
            (MachineNotFound, EnvironmentBusy, CommandNotPossible),
            rate_limited=True,
        )
        for template, handler, takes in (
            ("machines/adopt", adoption.adopt, adoption.AdoptRequest),
            ("machines/release", adoption.release, adoption.ReleaseRequest),
        )
    ),
    Route(
        "POST",
        "sweeps",
        sweeps.post_sweep,
        OPERATE,
        (Reply(202, SweepAccepted),),
        (DRY_RUN,),
        raises=(SweepUnderWay,),
        rate_limited=True,
        dry_run_is_watched=True,
    ),
    Route("GET", "sweeps/{id}", sweeps.get_sweep, LOOK, ok(SweepView), raises=(SweepNotFound,)),
    Route(
        "POST",
        "heartbeats",
        heartbeats.receive_heartbeat,
        NOTHING,
        ok(heartbeats.HeartbeatAnswer),
        body=Heartbeat,
        raises=(NotAuthenticated, NotAllowed, TooManyRequests),
        auth_header="Authorization",
    ),
    *(
        Route(
            method,
            "snooze/{link}",
            handler,
            NOTHING,
            (Reply(200, None, HTML), Reply(404, None, HTML)),
            raises=(MachineNotFound,),
        )
        for method, handler in (("GET", snooze.show_snooze), ("POST", snooze.snooze))
    ),
    *(
        Route(
            "POST",
            template,
            handler,
            NOTHING,
            ok(dict[str, Any]),
            raises=SIGNED,
            auth_header="X-Slack-Signature",
            media=FORM,
        )
        for template, handler in (
            ("chatops/slack", endpoints.slack_command),
            ("chatops/slack/interactions", endpoints.slack_interaction),
        )
    ),
    Route(
        "POST",
        "chatops/teams",
        endpoints.teams_message_in,
        NOTHING,
        ok(dict[str, Any]),
        body=dict[str, Any],
        raises=SIGNED,
        auth_header="Authorization",
    ),
    Route(
        "POST",
        "chatops/generic",
        endpoints.generic_message,
        NOTHING,
        ok(endpoints.GenericAnswer),
        body=endpoints.GenericMessage,
        raises=SIGNED,
        auth_header="X-Hub-Signature-256",
    ),
    Route(
        "GET",
        "operations",
        operations.list_operations,
        LOOK,
        ok(Page[OperationView]),
        (*PAGED, ENVIRONMENT, SINCE),
    ),
    Route("GET", "operations/{id}", operations.get_operation, LOOK, ok(OperationView), raises=(OperationNotFound,)),
    Route(
        "POST",
        "operations/{id}/cancel",
        operations.cancel_operation,
        OWN,
        begun(CancelPreview),
        (DRY_RUN, FORCE),
        raises=(OperationNotFound, SweepNotFound, CommandNotPossible),
    ),
    Route(
        "GET",
        "blueprints",
        blueprints.list_blueprints,
        LOOK,
        ok(Page[blueprints.BlueprintView]),
        (*PAGED, REGION, SIZE),
        reads_limited=True,
    ),
    Route(
        "GET",
        "blueprints/{name}",
        blueprints.get_blueprint,
        LOOK,
        ok(blueprints.BlueprintView),
        (REGION, SIZE),
        raises=(BlueprintNotFound,),
        reads_limited=True,
    ),
    Route("GET", "health", blueprints.get_health, NOTHING, ok(blueprints.Health)),
    Route("GET", "openapi.json", document.get_description, NOTHING, ok(dict[str, Any])),
    Route("GET", "docs", document.get_page, NOTHING, (Reply(200, None, HTML),)),
)
