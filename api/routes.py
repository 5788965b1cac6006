"""The table of routes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from api import adoption, blueprints, environments, heartbeats, machines, operations, snoozing, sweeping

Handler = Callable[..., Awaitable[func.HttpResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its method, its template below the prefix, who answers, and whether it is open to everybody."""

    method: str
    template: str
    handler: Handler
    open: bool = False

    @property
    def level(self) -> Any:
        """The key a caller needs."""
        return func.AuthLevel.ANONYMOUS if self.open else func.AuthLevel.FUNCTION


ROUTES = (
    Route("PUT", "environments/{name}", environments.put_environment),
    Route("GET", "environments/{name}", environments.get_environment),
    Route("DELETE", "environments/{name}", environments.remove_environment),
    Route("GET", "environments", environments.list_environments),
    Route("POST", "environments/{name}/start", environments.start_environment),
    Route("POST", "environments/{name}/stop", environments.stop_environment),
    Route("POST", "environments/{name}/restart", environments.restart_environment),
    Route("GET", "environments/{name}/password", environments.get_password),
    Route("POST", "environments/{name}/hold", environments.hold_environment),
    Route("POST", "environments/{name}/extend", environments.extend_environment),
    Route("GET", "machines", machines.list_machines),
    Route("GET", "machines/idle-report", machines.idle_report),
    Route("POST", "machines/hold", machines.hold_machine),
    Route("POST", "machines/extend", machines.lease_machine),
    Route("POST", "machines/adopt", adoption.adopt),
    Route("POST", "machines/release", adoption.release),
    Route("POST", "sweeps", sweeping.post_sweep),
    Route("GET", "sweeps/{id}", sweeping.get_sweep),
    Route("POST", "heartbeats", heartbeats.receive_heartbeat, open=True),
    Route("GET", "snooze/{link}", snoozing.show_snooze, open=True),
    Route("POST", "snooze/{link}", snoozing.snooze, open=True),
    Route("GET", "operations", operations.list_operations),
    Route("GET", "operations/{id}", operations.get_operation),
    Route("POST", "operations/{id}/cancel", operations.cancel_operation),
    Route("GET", "blueprints", blueprints.list_blueprints),
    Route("GET", "blueprints/{name}", blueprints.get_blueprint),
    Route("GET", "health", blueprints.get_health, open=True),
)
