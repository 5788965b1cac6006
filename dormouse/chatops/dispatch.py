"""Dispatch of chat commands: admit the caller as HTTP does, run the use case once, and make a card of the result."""

import difflib
from collections.abc import Awaitable, Callable
from typing import Any

from dormouse import serialization
from dormouse.access.roles import Caller
from dormouse.chatops import replies
from dormouse.chatops.cost_cards import costs_of_month
from dormouse.chatops.messages import ChatPoll, ChatRequest, CommandResult
from dormouse.chatops.parser import Command
from dormouse.chatops.spec_words import spec_in
from dormouse.chatops.vocabulary import NEEDS_NAME, Word
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable, ConcurrentChange, ControlPlaneError, RequestUnderWay
from dormouse.http.parameters import GPU, LARGEST_PAGE, MAX_PRICE, SIZES_REGION, USUAL_PAGE, Parameter
from dormouse.http.requests import model_of
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.lifecycle import Verb
from dormouse.notifications.cards import Card
from dormouse.services import environments, operation_log, sizes, use_cases
from dormouse.services import idempotency as once
from dormouse.services.admission import admit
from dormouse.services.changes.hibernation import hibernate
from dormouse.services.changes.passwords import rotate
from dormouse.services.changes.resizing import ResizeRequest, resize
from dormouse.services.context import Context
from dormouse.services.deletion import delete
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient
from dormouse.services.lists.environments import list_environments
from dormouse.services.lists.machines import show_report
from dormouse.services.operations import Started
from dormouse.services.use_cases import UseCase
from dormouse.services.views.environments import EnvironmentView, spec_of
from dormouse.services.views.previews import AlreadyDeleted

SIZE_PARAMETERS: dict[str, Parameter[Any]] = {each.name: each for each in (SIZES_REGION, GPU, MAX_PRICE)}
MOST_CHOICES, MOST_PAGES, SIMILARITY = 5, 10, 0.6
# What `up NAME` builds if neither the command nor CHAT_DEFAULTS says it.
USUAL_BLUEPRINT = "workstation"
VERBS = {Word.START: Verb.START, Word.STOP: Verb.STOP, Word.RESTART: Verb.RESTART}
Run = Callable[[Command, Context, EnvironmentRecord | None], Awaitable[CommandResult]]


class CommandDispatcher:
    """Runs chat commands with the rights of the person who sent them (a `CommandRunner`)."""

    def __init__(self, client: DurableClient, dependencies: Dependencies) -> None:
        """Start operations with this client, and use these stores and clients."""
        self._client, self._dependencies = client, dependencies

    async def run(self, request: ChatRequest) -> CommandResult:
        """Run a command, once however often it is sent; raises errors that a retry may resolve."""
        command, caller = request.command, request.caller
        context = Context(self._client, self._dependencies, caller)
        try:
            admit(_use_case_of(command), caller, self._dependencies)
            if command.word in READING or (command.word is Word.DELETE and not command.sure):
                return await self._run(command, context)
            return await once.run_once(_keyed(request), context, lambda keyed: self._run(command, keyed))
        except (CloudUnavailable, ConcurrentChange, RequestUnderWay):
            raise
        except ControlPlaneError as error:
            return CommandResult(replies.problem_card(error))

    async def poll(self, request: ChatPoll) -> CommandResult:
        """The progress or the end of an operation; raises CloudUnavailable."""
        context = Context(self._client, self._dependencies, request.caller)
        try:
            admit(use_cases.SHOW_OPERATIONS, request.caller, self._dependencies)
            operation = await operation_log.show(request.operation, context)
            if operation.outcome is None:
                return CommandResult(replies.progress_card(request.environment, operation), request.operation)
            known = await self._dependencies.records.environment(request.environment)
            view = await environments.show(request.environment, context) if known else None
            return CommandResult(replies.ended_card(operation, view))
        except CloudUnavailable:
            raise
        except ControlPlaneError as error:
            return CommandResult(replies.problem_card(error))

    async def _run(self, command: Command, context: Context) -> CommandResult:
        if command.word is Word.IDLE:
            report, _ = await show_report(LARGEST_PAGE, "", context)
            return CommandResult(replies.idle_card(report))
        if command.word is Word.SIZES:
            return CommandResult(await _sizes(command, context))
        if command.word is Word.STATUS and not command.name:
            return CommandResult(replies.list_card(await list_environments(USUAL_PAGE, "", context)))
        if command.word is Word.COSTS and not command.name:
            return await _show_costs(command, context, None)
        known = await self._dependencies.records.environment(command.name) if command.name else None
        if known is None and command.word is not Word.UP and (command.word in NEEDS_NAME or command.name):
            return CommandResult(await self._choices(command, context.caller))
        return await RUN[command.word](command, context, known)

    async def _choices(self, command: Command, caller: Caller) -> Card:
        """Names similar to the one that was sent, or, where none was sent, the caller's own first."""
        admit(use_cases.LIST_ENVIRONMENTS, caller, self._dependencies)
        found, after = list[EnvironmentRecord](), ""
        for _ in range(MOST_PAGES):
            known, after = await self._dependencies.records.environments(limit=LARGEST_PAGE, after=after)
            found += [record for record in known.readable.values() if is_similar(record.name, command.name)]
            if not after:
                break
        found.sort(key=lambda record: (record.owner_id != caller.object_id, not record.name.startswith(command.name)))
        return replies.choices_card(command, [record.name for record in found[:MOST_CHOICES]])


def is_similar(name: str, sent: str) -> bool:
    """Whether a name may have been meant: it contains what was sent, or differs by a typing error."""
    return sent in name or difflib.SequenceMatcher(None, name, sent).ratio() >= SIMILARITY


def _use_case_of(command: Command) -> UseCase:
    lists = command.word is Word.STATUS and not command.name
    return use_cases.LIST_ENVIRONMENTS if lists else USE_CASES[command.word]


def _keyed(request: ChatRequest) -> once.IdempotentCommand[CommandResult]:
    command, caller = request.command, request.caller
    return once.IdempotentCommand(
        key=once.key_of_command(caller, request.id),
        fingerprint=once.digest(serialization.text_of(command)),
        environment=command.name,
        encode=serialization.text_of,
        decode=lambda text: serialization.read_text(CommandResult, text),
        accepted=lambda operation: _started(command, caller, operation),
    )


def _started(command: Command, caller: Caller, operation: str) -> CommandResult:
    return CommandResult(replies.started_card(command, operation, caller.channel), operation)


async def _apply(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    given = {**({} if known else context.dependencies.settings.chat_defaults), **command.body}
    before: dict[str, Any] = spec_of(known)[0] if known else {"blueprint": USUAL_BLUEPRINT}
    asked = spec_in(given)
    body = {**before, **{name: merge(before.get(name), value) for name, value in asked.items()}}
    return _result(command, context, await environments.apply(command.name, body, "", context, dry_run=False))


async def _set_power(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    result = await environments.set_power(command.name, VERBS[command.word], context, dry_run=False)
    return _result(command, context, result)


async def _hibernate(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    return _result(command, context, await hibernate(command.name, context, dry_run=False))


async def _resize(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    asked = model_of(ResizeRequest, command.body)
    return _result(command, context, await resize(command.name, asked, context, dry_run=False))


async def _show(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    return CommandResult(replies.environment_card(await environments.show(command.name, context)))


async def _delete(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    if command.sure:
        return _result(command, context, await delete(command.name, context, purge=False, dry_run=False))
    # Callers who may not delete it learn that before they are asked to confirm.
    await delete(command.name, context, purge=False, dry_run=True)
    return CommandResult(replies.confirm_card(await environments.show(command.name, context)))


async def _hold(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    asked = model_of(HoldRequest, command.body)
    view = await environments.hold(command.name, asked, context, dry_run=False)
    return CommandResult(replies.hold_card(command.name, view))


async def _extend(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    asked = model_of(LeaseRequest, command.body)
    view = await environments.extend(command.name, asked, context, dry_run=False)
    return CommandResult(replies.lease_card(command.name, view))


async def _locate_password(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    return CommandResult(replies.password_card(command.name, await environments.locate_password(command.name, context)))


async def _rotate_password(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    return _result(command, context, await rotate(command.name, context, dry_run=False))


async def _show_costs(command: Command, context: Context, known: EnvironmentRecord | None) -> CommandResult:
    return CommandResult(await costs_of_month(command.name, context))


async def _sizes(command: Command, context: Context) -> Card:
    given = {name: SIZE_PARAMETERS[name].read_text(str(text)) for name, text in command.body.items()}
    page = await sizes.list_sizes(sizes.SizeQuery(**given), replies.WORTH_A_LINE, "", context)
    return replies.sizes_card(str(given["region"]), page)


def _result(command: Command, context: Context, result: object) -> CommandResult:
    if isinstance(result, Started):
        return _started(command, context.caller, result.operation)
    if isinstance(result, AlreadyDeleted):
        return CommandResult(Card(f"{command.name} is already deleted"))
    assert isinstance(result, EnvironmentView)  # nothing had to be done
    return CommandResult(replies.environment_card(result))


def merge(before: Any, value: Any) -> Any:
    """A nested part of a spec with the fields that were sent; its other fields stay as they were."""
    return {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value


READING = frozenset({Word.STATUS, Word.IDLE, Word.SIZES, Word.COSTS, Word.PASSWORD})
USE_CASES: dict[Word, UseCase] = {
    Word.UP: use_cases.APPLY_ENVIRONMENT,
    Word.START: use_cases.CHANGE_POWER,
    Word.STOP: use_cases.CHANGE_POWER,
    Word.RESTART: use_cases.CHANGE_POWER,
    Word.HIBERNATE: use_cases.CHANGE_POWER,
    Word.RESIZE: use_cases.RESIZE_ENVIRONMENT,
    Word.STATUS: use_cases.SHOW_ENVIRONMENT,
    Word.HOLD: use_cases.KEEP_ENVIRONMENT,
    Word.EXTEND: use_cases.KEEP_ENVIRONMENT,
    Word.IDLE: use_cases.SHOW_MACHINES,
    Word.SIZES: use_cases.LIST_SIZES,
    Word.COSTS: use_cases.SHOW_COSTS,
    Word.PASSWORD: use_cases.LOCATE_PASSWORD,
    Word.ROTATE_PASSWORD: use_cases.ROTATE_PASSWORD,
    Word.DELETE: use_cases.DELETE_ENVIRONMENT,
}
RUN: dict[Word, Run] = {
    Word.UP: _apply,
    Word.START: _set_power,
    Word.STOP: _set_power,
    Word.RESTART: _set_power,
    Word.HIBERNATE: _hibernate,
    Word.RESIZE: _resize,
    Word.STATUS: _show,
    Word.HOLD: _hold,
    Word.EXTEND: _extend,
    Word.COSTS: _show_costs,
    Word.PASSWORD: _locate_password,
    Word.ROTATE_PASSWORD: _rotate_password,
    Word.DELETE: _delete,
}
