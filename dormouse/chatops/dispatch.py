"""Commands carried out: by the very routes that everybody asks, so that their rules hold for chats, too."""

import difflib
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import azure.functions as func

from dormouse.access.roles import Caller, require_permission
from dormouse.chatops import replies
from dormouse.chatops.parser import NEEDS_NAME, ChatPoll, ChatRequest, Command, CommandResult, Word, spec_in
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable, ControlPlaneError, RequestUnderWay
from dormouse.http.idempotency import HEADER, run_once
from dormouse.http.parameters import LARGEST_PAGE
from dormouse.http.routes import ROUTES
from dormouse.notifications.cards import Card
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import Client
from dormouse.services.views.environments import spec_of

BY_PLACE = {(route.method, route.template): route for route in ROUTES}
ONE = "environments/{name}"
MOST_CHOICES, MOST_PAGES, ALIKE = 5, 10, 0.6
UNDER_WAY = ("running", "pending")
Doing = Callable[[Command, Caller, EnvironmentRecord | None], Awaitable[CommandResult]]


class Routes:
    """The routes as somebody in a chat meets them, with the rights of whoever that is (a `FrontDoor`)."""

    def __init__(self, client: Client, dependencies: Dependencies) -> None:
        """Start operations with this client, and read from these."""
        self._client, self._dependencies, self._key = client, dependencies, ""
        self._doing: dict[Word, Doing] = {
            Word.UP: self._up,
            Word.START: self._power,
            Word.STOP: self._power,
            Word.RESTART: self._power,
            Word.STATUS: self._status,
            Word.HOLD: self._hold,
            Word.EXTEND: self._extend,
            Word.PASSWORD: self._password,
            Word.DELETE: self._delete,
        }

    async def carry_out(self, request: ChatRequest) -> CommandResult:
        """Do what a command says, once however often it is asked; raises CloudUnavailable or RequestUnderWay."""
        self._key = request.id
        try:
            return await self._carried_out(request.command, request.caller)
        except (CloudUnavailable, RequestUnderWay):
            raise
        except ControlPlaneError as error:
            return CommandResult(replies.problem_card(error))

    async def look(self, request: ChatPoll) -> CommandResult:
        """How an operation stands; raises CloudUnavailable."""
        try:
            operation = await self._ask("GET", "operations/{id}", request.caller, id=request.operation)
            if operation["state"] in UNDER_WAY:
                card = replies.going_on_card(request.environment, operation)
                return CommandResult(card, request.operation)
            return CommandResult(replies.ended_card(operation, await self._picture(request)))
        except CloudUnavailable:
            raise
        except ControlPlaneError as error:
            return CommandResult(replies.problem_card(error))

    async def _picture(self, request: ChatPoll) -> dict[str, Any] | None:
        if await self._dependencies.records.environment(request.environment) is None:
            return None
        return await self._ask("GET", ONE, request.caller, name=request.environment)

    async def _carried_out(self, command: Command, caller: Caller) -> CommandResult:
        if command.word is Word.IDLE:
            report = await self._ask("GET", "machines/idle-report", caller, params={"limit": str(LARGEST_PAGE)})
            return CommandResult(replies.idle_card(report))
        if command.word is Word.STATUS and not command.name:
            return CommandResult(replies.list_card(await self._ask("GET", "environments", caller)))
        known = await self._dependencies.records.environment(command.name) if command.name else None
        if known is None and command.word is not Word.UP and (command.word in NEEDS_NAME or command.name):
            return CommandResult(await self._choices(command, caller))
        return await self._doing[command.word](command, caller, known)

    async def _choices(self, command: Command, caller: Caller) -> Card:
        """What may have been meant: names like the one that was said, or, where none was said, one's own first."""
        require_permission(caller, BY_PLACE["GET", "environments"].permission)
        meant, after = list[EnvironmentRecord](), ""
        for _ in range(MOST_PAGES):
            known, after = await self._dependencies.records.environments(limit=LARGEST_PAGE, after=after)
            meant += [record for record in known.readable.values() if _is_like(record.name, command.name)]
            if not after:
                break
        meant.sort(key=lambda record: (record.owner_id != caller.object_id, not record.name.startswith(command.name)))
        return replies.choices_card(command, [record.name for record in meant[:MOST_CHOICES]])

    async def _up(self, command: Command, caller: Caller, known: EnvironmentRecord | None) -> CommandResult:
        given = {**({} if known else self._dependencies.settings.spec_defaults), **command.body}
        before: dict[str, Any] = spec_of(known)[0] if known else {"blueprint": "workstation"}
        asked = spec_in(given)
        body = {**before, **{name: _merged(before.get(name), value) for name, value in asked.items()}}
        return await self._operation("PUT", ONE, command, caller, body)

    async def _power(self, command: Command, caller: Caller, known: EnvironmentRecord | None) -> CommandResult:
        return await self._operation("POST", f"{ONE}/{command.word}", command, caller)

    async def _status(self, command: Command, caller: Caller, known: EnvironmentRecord | None) -> CommandResult:
        return CommandResult(replies.picture_card(await self._ask("GET", ONE, caller, name=command.name)))

    async def _delete(self, command: Command, caller: Caller, known: EnvironmentRecord | None) -> CommandResult:
        if command.sure:
            return await self._operation("DELETE", ONE, command, caller)
        # Whoever may not delete it hears so before they are asked whether they are sure.
        await self._ask("DELETE", ONE, caller, params={"dry_run": "true"}, name=command.name)
        return CommandResult(replies.sure_card(await self._ask("GET", ONE, caller, name=command.name)))

    async def _hold(self, command: Command, caller: Caller, known: EnvironmentRecord | None) -> CommandResult:
        content = await self._ask("POST", f"{ONE}/hold", caller, command.body, name=command.name)
        return CommandResult(replies.hold_card(command.name, content))

    async def _extend(self, command: Command, caller: Caller, known: EnvironmentRecord | None) -> CommandResult:
        content = await self._ask("POST", f"{ONE}/extend", caller, command.body, name=command.name)
        return CommandResult(replies.lease_card(command.name, content))

    async def _password(self, command: Command, caller: Caller, known: EnvironmentRecord | None) -> CommandResult:
        content = await self._ask("GET", f"{ONE}/password", caller, name=command.name)
        return CommandResult(replies.password_card(command.name, content))

    async def _operation(
        self, method: str, template: str, command: Command, caller: Caller, body: dict[str, Any] | None = None
    ) -> CommandResult:
        content = await self._ask(method, template, caller, body, name=command.name)
        operation = str(content.get("operation") or "")
        if "href" not in content:  # nothing had to be done: what came is the picture
            gone = command.word is Word.DELETE
            return CommandResult(Card(f"{command.name} is gone already") if gone else replies.picture_card(content))
        return CommandResult(replies.begun_card(command, operation, caller.channel), operation)

    @property
    def _once(self) -> dict[str, str]:
        return {HEADER: self._key} if self._key else {}

    async def _ask(
        self,
        method: str,
        template: str,
        caller: Caller,
        body: dict[str, Any] | None = None,
        params: dict[str, str] | None = None,
        **places: str,
    ) -> dict[str, Any]:
        """Ask a route as its callers do, and read its answer; raises what the route raises."""
        route = BY_PLACE[method, template]
        require_permission(caller, route.permission)
        route.admit(caller, self._dependencies)
        content = b"" if body is None else json.dumps(body).encode()
        url = f"/api/{template.format(**places)}"
        req = func.HttpRequest(
            method=method, url=url, headers=self._once, params=params or {}, route_params=places, body=content
        )
        response = await run_once(
            req, caller, self._dependencies, lambda known: route.handler(req, self._client, self._dependencies, known)
        )
        if response.status_code == HTTPStatus.NO_CONTENT:
            return {}
        answered: dict[str, Any] = json.loads(response.get_body())
        return answered


def _is_like(name: str, said: str) -> bool:
    """Whether a name may have been meant by what was said: a part of it, or a slip."""
    return said in name or difflib.SequenceMatcher(None, name, said).ratio() >= ALIKE


def _merged(before: Any, value: Any) -> Any:
    """A part of a spec with what is said of it; the rest of the part stays as it was."""
    return {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
