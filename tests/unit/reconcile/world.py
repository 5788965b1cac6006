"""A control plane over an Azure in memory, in which an environment that has ended is there again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jwt
from azure.core.credentials import AccessToken

from activities.reconcile.delete import recheck_orphans
from activities.reconcile.look import look_for_findings
from dormouse.clock import HOUR
from dormouse.reconcile.findings import Finding, Policy
from dormouse.reconcile.passes import OrphanDeletion, PassRequest, PassResult
from dormouse.records.environments import Records
from dormouse.records.reconcile import ReconcileRecords
from tests.unit.azure import Azure, Token, cloud_over
from tests.unit.builders import SUBSCRIPTION
from tests.unit.reconcile.views import (
    ADDRESS,
    ENDED_BY,
    GHOST,
    GROUP,
    NAME,
    OWN,
    assignment,
    ended,
    role,
    tags,
)
from tests.unit.twins import SETTINGS, MemoryTables

FIRST, SECOND = 1_000_000.0, 1_000_000.0 + HOUR
SUBSCRIPTIONS = f"/subscriptions/{SUBSCRIPTION}"
AUTHORIZATION = f"{SUBSCRIPTIONS}/providers/Microsoft.Authorization"
PERMISSIONS, GRAPH = f"{AUTHORIZATION}/permissions", "/providers/Microsoft.ResourceGraph/resources"
GROUPS, CONTENTS = f"{SUBSCRIPTIONS}/resourcegroups", f"{GROUP}/resources"
VAULTS = f"{SUBSCRIPTIONS}/providers/Microsoft.KeyVault/deletedVaults"
ALL = {"value": [{"actions": ["*"], "notActions": []}]}
BODY = {"id": ADDRESS, "tags": tags(), "location": "polandcentral", "properties": {"resourceGuid": "1"}}
FORBIDDEN: tuple[int, Any, dict[str, str]] = (403, {"error": {"code": "AuthorizationFailed", "message": "no"}}, {})


class Signed(Token):
    """A credential whose token says who has it."""

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(jwt.encode({"oid": OWN}, "k" * 32), 2**33)


class Graph(Azure):
    """Azure whose Resource Graph shows these rows: tagged resources, groups and identities; it may be away."""

    def __init__(self, shows: dict[str, Any]) -> None:
        super().__init__(shows)
        self.rows: dict[str, list[dict[str, Any]]] = {"tags": [], "resourcecontainers": [], "identity": [], "sites": []}
        self.away: set[str] = set()

    async def send(self, request: Any, **options: Any) -> Any:
        said = await super().send(request, **options)
        if GRAPH in str(request.url) and self.sent[-1]:
            query = str(self.sent[-1]["query"])
            part = next(one for one in ("sites", "resourcecontainers", "identity", "tags") if one in query)
            rows = self.rows[part]
            body = {"data": rows, "count": len(rows), "totalRecords": len(rows), "resultTruncated": "false"}
            answer = FORBIDDEN if part in self.away else (200, body, {})
            return type(said)(request, *answer)
        return said


@dataclass
class World:
    """An environment that has ended, whose address and group are there again, and a control plane that may delete."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    policy: Policy = Policy.DELETE
    azure: Graph = field(
        default_factory=lambda: Graph(
            {
                PERMISSIONS: ALL,
                f"{AUTHORIZATION}/roleAssignments": {"value": []},
                f"{AUTHORIZATION}/roleDefinitions": {"value": []},
                "/secrets": {"value": []},
                VAULTS: {"value": []},
                GROUPS: {"value": []},
                ADDRESS: BODY,
                GROUP: {"id": GROUP, "tags": tags(), "location": "polandcentral", "properties": {}},
                CONTENTS: {"value": [BODY]},
            }
        )
    )

    def __post_init__(self) -> None:
        self.reconciled, self.records = ReconcileRecords(self.tables), Records(self.tables)
        self.azure.rows["tags"] = [{"id": ADDRESS, "tags": tags(), "resourceGuid": "1"}]
        self.azure.rows["resourcecontainers"] = [{"id": GROUP, "tags": tags()}]
        self.do(self.reconciled.remember_former(ended()))

    def do(self, act: Awaitable[Any]) -> Any:
        async def acted() -> Any:
            return await act

        return asyncio.run(acted())

    def call(self, activity: Callable[..., Awaitable[Any]], request: Any) -> Any:
        """What an activity answers to a request."""

        async def called() -> Any:
            cloud = cloud_over(self.azure, self.tables, replace(SETTINGS, reconcile=self.policy))
            cloud.credential = Signed()
            return await activity(request, cloud)

        return asyncio.run(called())

    def look(self, at: float, **fields: Any) -> PassResult:
        result: PassResult = self.call(look_for_findings, PassRequest(began=at, **fields))
        return result

    def findings(self) -> dict[str, Finding]:
        """The findings on record by their IDs."""
        stored = self.do(self.reconciled.findings()).readable
        return {one.sighting.id: one for one in stored.values()}

    def confirmed(self) -> OrphanDeletion:
        """The deletion that a second pass begins."""
        self.look(FIRST)
        return OrphanDeletion(ENDED_BY, NAME, self.look(SECOND).deletions[NAME], SECOND)

    def check(self, request: OrphanDeletion) -> tuple[set[str], str]:
        answer = self.call(recheck_orphans, request)
        return {one.id for one in answer.resources}, answer.why


def assignment_body(identifier: str, scope: str, **changed: str) -> dict[str, Any]:
    shown = {"scope": scope, "roleDefinitionId": f"/x/{assignment().role}", "principalId": GHOST}
    shown |= {"principalType": "ServicePrincipal", "createdBy": OWN, "createdOn": "2026-05-01"}
    return {"id": identifier, "properties": shown | changed}


def role_body(identifier: str, **changed: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "properties": {"roleName": role().title, "createdBy": OWN, "createdOn": "2026-05-01"} | changed,
    }
