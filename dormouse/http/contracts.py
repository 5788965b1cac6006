"""What each route takes and gives: bodies, query parameters, replies, and the errors that it may answer."""

import functools
import operator
from typing import Any

from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.chatops.endpoints import GenericAnswer, GenericMessage
from dormouse.errors import (
    BlueprintNotFound,
    CommandNotPossible,
    ConcurrentChange,
    EnvironmentBusy,
    EnvironmentNotFound,
    InvalidRequest,
    MachineNotFound,
    NameTaken,
    NotAllowed,
    NotAuthenticated,
    OperationFailed,
    OperationNotFound,
    ParentNotReady,
    SweepNotFound,
    SweepUnderWay,
    TooManyRequests,
)
from dormouse.http.cost_parameters import FROM, GROUP_BY, OF_BLUEPRINT, OF_ENVIRONMENT, OF_OWNER, TO, ZONE
from dormouse.http.evidence_parameters import MACHINE_ID, MINUTES
from dormouse.http.handlers.adoption import AdoptRequest, ReleaseRequest
from dormouse.http.handlers.machines import MachineHold, MachineLease
from dormouse.http.list_parameters import ENVIRONMENT_LIST, MACHINE_LIST, OPERATION_LIST, OVERVIEW_LIST
from dormouse.http.parameters import (
    AFTER,
    DRY_RUN,
    ENVIRONMENT,
    FORCE,
    FORMAT,
    GPU,
    LIMIT,
    MAX_PRICE,
    PURGE,
    REGION,
    SINCE,
    SIZE,
    SIZES_REGION,
    SNAPSHOT,
    USER,
)
from dormouse.http.route import (
    CSV,
    FOLLOWED,
    FORM,
    HTML,
    PLAIN,
    SCRIPT,
    STYLE,
    Contract,
    Reply,
    begun,
    followed,
    ok,
)
from dormouse.idle.heartbeats.heartbeat import Heartbeat
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.idle.outside.requests import ActivityRequest, SignedActivityRequest
from dormouse.services.changes.promotions import PromotionRequest
from dormouse.services.changes.resizing import ResizeRequest
from dormouse.services.views.activity import ActivityResult
from dormouse.services.views.blueprints import BlueprintList, BlueprintView, Health
from dormouse.services.views.costs.report import CostReport
from dormouse.services.views.environments import EnvironmentList, EnvironmentView
from dormouse.services.views.heartbeats import HeartbeatAnswer
from dormouse.services.views.machines import AdoptionPreview, HoldView, IdleReport, LeaseView, MachineList
from dormouse.services.views.opening import OpeningView
from dormouse.services.views.operations import CancelPreview, OperationList, OperationView
from dormouse.services.views.overview import EvidenceView, Overview
from dormouse.services.views.previews import (
    AlreadyDeleted,
    ApplyPreview,
    DeletePreview,
    PasswordLocation,
    PowerPreview,
    ResizePreview,
)
from dormouse.services.views.promotions import PromotedImage, PromotionPreview
from dormouse.services.views.reconcile import FindingList
from dormouse.services.views.rights import Me
from dormouse.services.views.sizes import SizeList
from dormouse.services.views.sweeps import SweepAccepted, SweepView

POWER_ERRORS = (EnvironmentNotFound, EnvironmentBusy, CommandNotPossible)
KEEP_ERRORS = (EnvironmentNotFound, EnvironmentBusy, CommandNotPossible)
MACHINE_ERRORS = (MachineNotFound, EnvironmentBusy)
SIGNATURE_ERRORS = (NotAuthenticated, InvalidRequest)
PAGED = (LIMIT, AFTER)
SLACK, TEAMS, GENERIC = "X-Slack-Signature", "Authorization", "X-Hub-Signature-256"

ANY_SPEC: Any = functools.reduce(operator.or_, (each.spec for each in BLUEPRINTS.values()))
APPLY = Contract(
    begun(EnvironmentView, ApplyPreview), (DRY_RUN,), body=ANY_SPEC, raises=(EnvironmentBusy, NameTaken, ParentNotReady)
)
SHOW_ENVIRONMENT = Contract(ok(EnvironmentView), raises=(EnvironmentNotFound,))
LIST_ENVIRONMENTS = Contract(ok(EnvironmentList), (*PAGED, *ENVIRONMENT_LIST))
CHANGE_POWER = Contract(begun(EnvironmentView, PowerPreview), (DRY_RUN,), raises=POWER_ERRORS)
SHOW_OPENING = Contract(ok(OpeningView), raises=(EnvironmentNotFound,))
OPEN = Contract(begun(OpeningView, PowerPreview), (DRY_RUN,), raises=POWER_ERRORS)
RESIZE = Contract(begun(EnvironmentView, ResizePreview), (DRY_RUN,), body=ResizeRequest, raises=POWER_ERRORS)
DELETE = Contract(begun(AlreadyDeleted, DeletePreview), (DRY_RUN, PURGE, SNAPSHOT), raises=POWER_ERRORS)
LOCATE_PASSWORD = Contract(ok(PasswordLocation), (USER,), raises=(EnvironmentNotFound, CommandNotPossible))
ROTATE = Contract(begun(PowerPreview), (DRY_RUN, USER), raises=POWER_ERRORS)
PROMOTE = Contract(begun(PromotedImage, PromotionPreview), (DRY_RUN,), body=PromotionRequest, raises=POWER_ERRORS)
HOLD = Contract(ok(HoldView), (DRY_RUN,), body=HoldRequest, raises=KEEP_ERRORS)
EXTEND = Contract(ok(LeaseView), (DRY_RUN,), body=LeaseRequest, raises=KEEP_ERRORS)

LIST_MACHINES = Contract(ok(MachineList), (*PAGED, *MACHINE_LIST))
IDLE_REPORT = Contract((*ok(IdleReport), Reply(200, None, CSV)), (*PAGED, *MACHINE_LIST, FORMAT))
HOLD_MACHINE = Contract(ok(HoldView), (DRY_RUN,), body=MachineHold, raises=MACHINE_ERRORS)
EXTEND_MACHINE = Contract(ok(LeaseView), (DRY_RUN,), body=MachineLease, raises=MACHINE_ERRORS)
REPORT_ACTIVITY = Contract(ok(ActivityResult), (DRY_RUN,), body=ActivityRequest, raises=(MachineNotFound, ConcurrentChange))
SIGNED_ACTIVITY = Contract(
    ok(ActivityResult),
    body=SignedActivityRequest,
    raises=(*SIGNATURE_ERRORS, MachineNotFound, ConcurrentChange, TooManyRequests),
    auth_header=GENERIC,
)
ADOPT = Contract(begun(AdoptionPreview), (DRY_RUN,), body=AdoptRequest, raises=(*MACHINE_ERRORS, CommandNotPossible))
RELEASE = Contract(begun(AdoptionPreview), (DRY_RUN,), body=ReleaseRequest, raises=(*MACHINE_ERRORS, CommandNotPossible))

RUN_SWEEP = Contract(
    (Reply(202, SweepAccepted, headers=FOLLOWED),), (DRY_RUN,), raises=(SweepUnderWay,), dry_run_is_watched=True
)
SHOW_SWEEP = Contract(followed(SweepView), raises=(SweepNotFound,))
SHOW_SWEEP_RESULT = Contract(
    (Reply(202, SweepView, headers=FOLLOWED), *ok(SweepView)), raises=(SweepNotFound, OperationFailed)
)
LIST_FINDINGS = Contract(ok(FindingList), PAGED)
HEARTBEAT = Contract(
    ok(HeartbeatAnswer),
    body=Heartbeat,
    raises=(ConcurrentChange, NotAuthenticated, NotAllowed, TooManyRequests),
    auth_header="Authorization",
)
SNOOZE = Contract((Reply(200, None, HTML), Reply(404, None, HTML)), raises=(MachineNotFound, ConcurrentChange))
SLACK_FORM = Contract(ok(dict[str, Any]), raises=SIGNATURE_ERRORS, auth_header=SLACK, media=FORM)
TEAMS_MESSAGE = Contract(ok(dict[str, Any]), body=dict[str, Any], raises=SIGNATURE_ERRORS, auth_header=TEAMS)
GENERIC_MESSAGE = Contract(ok(GenericAnswer), body=GenericMessage, raises=SIGNATURE_ERRORS, auth_header=GENERIC)

LIST_OPERATIONS = Contract(ok(OperationList), (*PAGED, ENVIRONMENT, SINCE, *OPERATION_LIST))
SHOW_OPERATION = Contract(followed(OperationView), raises=(OperationNotFound,))
SHOW_RESULT = Contract(begun(EnvironmentView, OperationView), raises=(OperationNotFound, OperationFailed))
CANCEL = Contract(begun(CancelPreview), (DRY_RUN, FORCE), raises=(OperationNotFound, SweepNotFound, CommandNotPossible))
LIST_BLUEPRINTS = Contract(ok(BlueprintList), (*PAGED, REGION, SIZE))
SHOW_BLUEPRINT = Contract(ok(BlueprintView), (REGION, SIZE), raises=(BlueprintNotFound,))
LIST_SIZES = Contract(ok(SizeList), (*PAGED, SIZES_REGION, GPU, MAX_PRICE))
SHOW_COSTS = Contract(ok(CostReport), (*PAGED, FROM, TO, ZONE, GROUP_BY, OF_ENVIRONMENT, OF_OWNER, OF_BLUEPRINT))
HEALTH = Contract(ok(Health))
OPENAPI = Contract(ok(dict[str, Any]))
DOCS = Contract((Reply(200, None, HTML),))
OVERVIEW = Contract(ok(Overview), (*PAGED, *OVERVIEW_LIST))
EVIDENCE = Contract(ok(EvidenceView), (MACHINE_ID, MINUTES))
ME = Contract(ok(Me))
CACHED = ("ETag", "Cache-Control")
DASHBOARD = Contract((Reply(200, None, HTML, (*CACHED, "Content-Security-Policy")), Reply(304, None, HTML, CACHED)))
DASHBOARD_FILE = Contract(
    (
        *(Reply(200, None, media, CACHED) for media in (SCRIPT, STYLE)),
        Reply(304, None, PLAIN, CACHED),
        Reply(404, None, PLAIN),
    )
)
