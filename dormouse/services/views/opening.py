"""The way into an environment as callers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dormouse.environments.opening import Phase
from dormouse.lifecycle import State
from dormouse.services.views.machines import CurrentHold, CurrentLease
from dormouse.services.views.money import Money
from dormouse.services.views.operations import OperationView
from dormouse.services.views.resources import SSH, EndpointView
from dormouse.services.views.schema import HOLD, LEASE, NOON, Moment, schema
from dormouse.services.views.upcoming import NEXT, UpcomingStep
from dormouse.text.doc import doc

TITLES = {
    "ssh": "SSH",
    "rdp": "Remote Desktop",
    "https": "JupyterHub",
    "rstudio": "RStudio Server",
    "kubectl": "kubectl",
    "kubeconfig": "kubeconfig",
}
SECURE = "https://"


@schema("WayIn")
@dataclass(frozen=True, slots=True)
class WayInView:
    """A way into an environment, and whether it has been checked since the last boot."""

    kind: Annotated[str, doc("The protocol, as in `endpoints` of the environment.", "ssh")]
    title: Annotated[str, doc("What is there, for people.", "SSH")]
    ready: Annotated[bool, doc("Whether every health check has passed since the last boot.", True)]
    host: Annotated[str, doc("The IP address or host name.", "203.0.113.10")]
    port: Annotated[int, doc("The TCP port.", SSH)]
    command: Annotated[str, doc("A command or URL that connects.", "ssh azureuser@203.0.113.10")]
    url: Annotated[str | None, doc("The page to open in a browser, always https; null if there is none.", None)]
    username: Annotated[str | None, doc("The account to log in with; null if there is none.", "azureuser")]
    note: Annotated[
        str | None,
        doc("What its last health check says, such as the fingerprint of its certificate; null if it has none.", None),
    ]

    @classmethod
    def of(cls, endpoint: EndpointView, *, ready: bool) -> WayInView:
        """An endpoint with what a page for people needs."""
        url = endpoint.command if endpoint.command.startswith(SECURE) else None
        title = TITLES.get(endpoint.kind, endpoint.kind)
        where = (endpoint.host, endpoint.port, endpoint.command, url, endpoint.username, endpoint.note)
        return cls(endpoint.kind, title, ready, *where)


@schema("StartObstacle")
@dataclass(frozen=True, slots=True)
class ObstacleView:
    """Why an environment cannot be started."""

    code: Annotated[
        Literal["role", "busy", "state", "no_power"],
        doc("`role`: this caller may not; `busy`: another operation runs; `state`, `no_power`: it takes no start.", "role"),
    ]
    detail: Annotated[str, doc("The reason in a sentence.", "This request requires the role user; your role is viewer.")]


@schema("Opening")
@dataclass(frozen=True, slots=True)
class OpeningView:
    """How far an environment is on the way to being used, what that costs, and the ways in once it is ready."""

    name: Annotated[str, doc("The name.", "ml1")]
    blueprint: Annotated[str, doc("The blueprint that it was built from.", "workstation")]
    owner: Annotated[str, doc("The user who owns it.", "alice")]
    phase: Annotated[
        Phase,
        doc(
            "`asleep`: it can be started; `starting`; `ready`: every health check has passed since the last boot; "
            "`unchecked`: it runs, but nothing has checked it since it booted; `unhealthy`: checks have failed; `busy`: "
            "another operation runs; `unavailable`: it is not there, is being deleted, or was not built completely.",
            "asleep",
        ),
    ]
    text: Annotated[str, doc("The phase in a sentence.", "ml1 is asleep; its computing is not billed.")]
    state: Annotated[State, doc("Its state in Azure.", "stopped")]
    may_start: Annotated[bool, doc("Whether `open` would start it for this caller.", True)]
    obstacle: Annotated[
        ObstacleView | None, doc("Why it cannot be started; null if it can be, or if nothing has to be.", None)
    ]
    warnings: Annotated[
        tuple[str, ...], doc("What to know before it is started.", ["Its lease has ended: a sweep stops it again."])
    ]
    price_per_hour: Annotated[
        Money | None, doc("The list price per hour while it runs; null if unknown.", {"amount": 0.6, "currency": "USD"})
    ]
    price_asleep_per_hour: Annotated[
        Money | None,
        doc("The list price per hour while it sleeps; null if unknown.", {"amount": 0.01, "currency": "USD"}),
    ]
    spent_today: Annotated[
        Money | None,
        doc("What its computing has cost since midnight (UTC); null if unknown.", {"amount": 1.8, "currency": "USD"}),
    ]
    hours_today: Annotated[float, doc("The billed hours of its machines since midnight (UTC), in all.", 3.0)]
    usual_seconds: Annotated[
        float | None, doc("How long its starts usually take, health checks included; null if none is on record.", 154.0)
    ]
    operation: Annotated[
        OperationView | None,
        doc("The operation that runs on it, or else the last power change if it did not succeed; null for none.", None),
    ]
    ways_in: Annotated[tuple[WayInView, ...], doc("The ways in; empty unless it runs.", [])]
    hold: Annotated[CurrentHold | None, doc("The hold that keeps its machines running; null if there is none.", HOLD)]
    lease: Annotated[CurrentLease | None, doc("When it will be stopped or deleted; null if there is no lease.", LEASE)]
    next: Annotated[tuple[UpcomingStep, ...], NEXT]
    problem: Annotated[str | None, doc("What is wrong with it; null if nothing is known to be.", None)]
    observed_at: Annotated[Moment, doc("When Azure was asked.", NOON)]
