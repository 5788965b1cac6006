"""The table of routes: a line each, with the use case that admits callers and the contract of what goes in and out."""

from dormouse.chatops import endpoints
from dormouse.http import contracts
from dormouse.http.dashboard import pages
from dormouse.http.handlers import (
    activity,
    adoption,
    blueprints,
    costs,
    environments,
    heartbeats,
    machines,
    operations,
    overview,
    reconcile,
    sizes,
    snooze,
    sweeps,
)
from dormouse.http.openapi import document
from dormouse.http.route import Route
from dormouse.services import use_cases as use

# fmt: off
ROUTES = (
    Route("PUT", "environments/{name}", environments.put_environment, use.APPLY_ENVIRONMENT, contracts.APPLY),
    Route("GET", "environments/{name}", environments.get_environment, use.SHOW_ENVIRONMENT, contracts.SHOW_ENVIRONMENT),
    Route("DELETE", "environments/{name}", environments.remove_environment, use.DELETE_ENVIRONMENT, contracts.DELETE),
    Route("GET", "environments", environments.list_environments, use.LIST_ENVIRONMENTS, contracts.LIST_ENVIRONMENTS),
    Route("POST", "environments/{name}/start", environments.start_environment, use.CHANGE_POWER, contracts.CHANGE_POWER),
    Route("POST", "environments/{name}/stop", environments.stop_environment, use.CHANGE_POWER, contracts.CHANGE_POWER),
    Route("POST", "environments/{name}/restart", environments.restart_environment, use.CHANGE_POWER, contracts.CHANGE_POWER),
    Route("POST", "environments/{name}/hibernate", environments.post_hibernation, use.CHANGE_POWER, contracts.CHANGE_POWER),
    Route("POST", "environments/{name}/resize", environments.post_resize, use.RESIZE_ENVIRONMENT, contracts.RESIZE),
    Route("GET", "environments/{name}/password", environments.get_password, use.LOCATE_PASSWORD, contracts.LOCATE_PASSWORD),
    Route("POST", "environments/{name}/rotate-password", environments.post_rotation, use.ROTATE_PASSWORD, contracts.ROTATE),
    Route("POST", "environments/{name}/promote-image", environments.post_promotion, use.PROMOTE_IMAGE, contracts.PROMOTE),
    Route("POST", "environments/{name}/hold", environments.hold_environment, use.KEEP_ENVIRONMENT, contracts.HOLD),
    Route("POST", "environments/{name}/extend", environments.extend_environment, use.KEEP_ENVIRONMENT, contracts.EXTEND),
    Route("GET", "machines", machines.list_machines, use.SHOW_MACHINES, contracts.LIST_MACHINES),
    Route("GET", "machines/idle-report", machines.idle_report, use.SHOW_MACHINES, contracts.IDLE_REPORT),
    Route("GET", "machines/evidence", overview.get_evidence, use.SHOW_MACHINES, contracts.EVIDENCE),
    Route("POST", "machines/hold", machines.hold_machine, use.KEEP_MACHINE, contracts.HOLD_MACHINE),
    Route("POST", "machines/extend", machines.extend_machine, use.KEEP_MACHINE, contracts.EXTEND_MACHINE),
    Route("POST", "machines/activity", activity.report_activity, use.REPORT_ACTIVITY, contracts.REPORT_ACTIVITY),
    Route("POST", "machines/activity/signed", activity.signed_activity, use.PUBLIC, contracts.SIGNED_ACTIVITY),
    Route("POST", "machines/adopt", adoption.adopt, use.ADOPT_MACHINE, contracts.ADOPT),
    Route("POST", "machines/release", adoption.release, use.ADOPT_MACHINE, contracts.RELEASE),
    Route("POST", "sweeps", sweeps.post_sweep, use.RUN_SWEEP, contracts.RUN_SWEEP),
    Route("GET", "sweeps/{id}", sweeps.get_sweep, use.SHOW_SWEEP, contracts.SHOW_SWEEP),
    Route("GET", "sweeps/{id}/result", sweeps.get_sweep_result, use.SHOW_SWEEP, contracts.SHOW_SWEEP_RESULT),
    Route("GET", "reconcile", reconcile.list_findings, use.SHOW_FINDINGS, contracts.LIST_FINDINGS),
    Route("POST", "heartbeats", heartbeats.receive_heartbeat, use.PUBLIC, contracts.HEARTBEAT),
    Route("GET", "snooze/{link}", snooze.show_snooze, use.PUBLIC, contracts.SNOOZE),
    Route("POST", "snooze/{link}", snooze.snooze, use.PUBLIC, contracts.SNOOZE),
    Route("POST", "chatops/slack", endpoints.slack_command, use.PUBLIC, contracts.SLACK_FORM),
    Route("POST", "chatops/slack/interactions", endpoints.slack_interaction, use.PUBLIC, contracts.SLACK_FORM),
    Route("POST", "chatops/teams", endpoints.teams_message_in, use.PUBLIC, contracts.TEAMS_MESSAGE),
    Route("POST", "chatops/generic", endpoints.generic_message, use.PUBLIC, contracts.GENERIC_MESSAGE),
    Route("GET", "operations", operations.list_operations, use.SHOW_OPERATIONS, contracts.LIST_OPERATIONS),
    Route("GET", "operations/{id}", operations.get_operation, use.SHOW_OPERATIONS, contracts.SHOW_OPERATION),
    Route("GET", "operations/{id}/result", operations.get_result, use.SHOW_RESULT, contracts.SHOW_RESULT),
    Route("POST", "operations/{id}/cancel", operations.cancel_operation, use.CANCEL_OPERATION, contracts.CANCEL),
    Route("GET", "blueprints", blueprints.list_blueprints, use.LIST_BLUEPRINTS, contracts.LIST_BLUEPRINTS),
    Route("GET", "blueprints/{name}", blueprints.get_blueprint, use.LIST_BLUEPRINTS, contracts.SHOW_BLUEPRINT),
    Route("GET", "sizes", sizes.list_sizes, use.LIST_SIZES, contracts.LIST_SIZES),
    Route("GET", "costs", costs.get_costs, use.SHOW_COSTS, contracts.SHOW_COSTS),
    Route("GET", "health", blueprints.get_health, use.PUBLIC, contracts.HEALTH),
    Route("GET", "openapi.json", document.get_description, use.PUBLIC, contracts.OPENAPI),
    Route("GET", "docs", document.get_page, use.PUBLIC, contracts.DOCS),
    Route("GET", "overview", overview.get_overview, use.SHOW_OVERVIEW, contracts.OVERVIEW),
    Route("GET", "me", overview.get_me, use.SHOW_ME, contracts.ME),
    Route("GET", "dashboard", pages.get_dashboard, use.PUBLIC, contracts.DASHBOARD),
    Route("GET", "dashboard/{version}/{file}", pages.get_dashboard_file, use.PUBLIC, contracts.DASHBOARD_FILE),
)
# fmt: on
