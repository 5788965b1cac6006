"""The table of routes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from api import adoption, blueprints, environments, heartbeats, machines, operations, snoozing, sweeping
from api.chatops import doors
from environments.roles import Right

Handler = Callable[..., Awaitable[func.HttpResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its method, its template below the prefix, who answers, and what it asks of its callers."""

    method: str
    template: str
    handler: Handler
    right: Right

    def level(self, *, keys: bool) -> Any:
        """The key that the host asks for; where tokens open the doors, it asks for none."""
        return func.AuthLevel.FUNCTION if keys and self.right is not Right.NOTHING else func.AuthLevel.ANONYMOUS


ROUTES = (
    Route("PUT", "environments/{name}", environments.put_environment, Right.OWN),
    Route("GET", "environments/{name}", environments.get_environment, Right.LOOK),
    Route("DELETE", "environments/{name}", environments.remove_environment, Right.OWN),
    Route("GET", "environments", environments.list_environments, Right.LOOK),
    Route("POST", "environments/{name}/start", environments.start_environment, Right.OWN),
    Route("POST", "environments/{name}/stop", environments.stop_environment, Right.OWN),
    Route("POST", "environments/{name}/restart", environments.restart_environment, Right.OWN),
    Route("GET", "environments/{name}/password", environments.get_password, Right.OWN),
    Route("POST", "environments/{name}/hold", environments.hold_environment, Right.OWN),
    Route("POST", "environments/{name}/extend", environments.extend_environment, Right.OWN),
    Route("GET", "machines", machines.list_machines, Right.LOOK),
    Route("GET", "machines/idle-report", machines.idle_report, Right.LOOK),
    Route("POST", "machines/hold", machines.hold_machine, Right.OPERATE),
    Route("POST", "machines/extend", machines.lease_machine, Right.OPERATE),
    Route("POST", "machines/adopt", adoption.adopt, Right.OPERATE),
    Route("POST", "machines/release", adoption.release, Right.OPERATE),
    Route("POST", "sweeps", sweeping.post_sweep, Right.OPERATE),
    Route("GET", "sweeps/{id}", sweeping.get_sweep, Right.LOOK),
    Route("POST", "heartbeats", heartbeats.receive_heartbeat, Right.NOTHING),
    Route("GET", "snooze/{link}", snoozing.show_snooze, Right.NOTHING),
    Route("POST", "snooze/{link}", snoozing.snooze, Right.NOTHING),
    Route("POST", "chatops/slack", doors.slack_command, Right.NOTHING),
    Route("POST", "chatops/slack/interactions", doors.slack_interaction, Right.NOTHING),
    Route("POST", "chatops/teams", doors.teams_message_in, Right.NOTHING),
    Route("POST", "chatops/generic", doors.generic_message, Right.NOTHING),
    Route("GET", "operations", operations.list_operations, Right.LOOK),
    Route("GET", "operations/{id}", operations.get_operation, Right.LOOK),
    Route("POST", "operations/{id}/cancel", operations.cancel_operation, Right.OWN),
    Route("GET", "blueprints", blueprints.list_blueprints, Right.LOOK),
    Route("GET", "blueprints/{name}", blueprints.get_blueprint, Right.LOOK),
    Route("GET", "health", blueprints.get_health, Right.NOTHING),
)
