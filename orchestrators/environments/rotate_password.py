"""Rotation of passwords: a new version in the key vault first, then the machines, then the check; or all of it back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from activities.resources.generic import (
    change_login,
    check_login,
    observe_resource,
    read_login,
    renew_secret,
    restore_secret,
)
from dormouse import serialization
from dormouse.environments.answers import Done, Refused
from dormouse.environments.operations import PasswordRotation
from dormouse.environments.requests import LoginRequest, SecretRequest
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.lifecycle import State
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from orchestrators.complete import run_operation
from orchestrators.durable import (
    Activity,
    Context,
    Ended,
    Orchestration,
    poll_to_end,
    refusal_in,
    run_all,
    sleep,
)
from orchestrators.progress import DONE, REFUSED, ProgressTracker

TRIES, BETWEEN_TRIES = 8, 20.0
CURRENT = "current"
NOTHING_CHANGED = "Nothing was changed; the password is the one that it was."
ROTATED = "{name} has {what} {secret} in the key vault, and checked inside. {rest}"
ONE, SEVERAL = "a new password: the newest version of the secret", "new passwords: the newest versions of the secrets"
REST = "Earlier versions no longer work. Sessions that are open stay open."
ROTATED_BEFORE = "Before that, {secrets} got new versions, which work."
RESTORED = "The previous password was stored as the newest version of the secret {secret} again, and is the one that works."
NOT_RESTORED = (
    "The newest version of the secret {secret} does not work: version {previous} does. Rotate the password again to get a "
    "newest version that works."
)
UNKNOWN = (
    "It is unknown which password works on {names}: version {current} of the secret {secret}, which is the newest one, or "
    "version {previous}. Rotate the password again."
)


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a secret before and after its rotation."""

    previous: str
    current: str


def rotate_password(context: Context) -> Orchestration[Any]:
    """Give an environment new passwords; if a machine does not take one, the previous one is made the newest again."""
    request = serialization.decode(PasswordRotation, context.get_input())
    tracker = ProgressTracker(context)
    work = _noted(_rotate_all(context, request, tracker), request.note)
    return (yield from run_operation(context, request.operation, request.environment, tracker, work))


def _noted(work: Orchestration[Outcome], note: str) -> Orchestration[Outcome]:
    outcome = yield from work
    return replace(outcome, reason=f"{outcome.reason} {note}".strip())


def _rotate_all(context: Context, request: PasswordRotation, tracker: ProgressTracker) -> Orchestration[Outcome]:
    secrets = [one for one in request.resources if _is_renewed(one, request)]
    users = {secret.name: _users_of(secret, request.resources) for secret in secrets}
    tracker.begin("preflight")
    everyone = _powered(request.resources, [one for each in users.values() for one in each])
    statuses = yield from run_all(context, [(observe_resource, one.recorded()) for one in everyone])
    asleep = [status for status in statuses if status.state is not State.RUNNING]
    tracker.end("preflight", REFUSED if asleep else DONE)
    if asleep:
        states = ", ".join(f"{status.name} is {status.state or State.ABSENT}" for status in asleep)
        words = f"{NOTHING_CHANGED} A password can be changed only while everything runs: {states}."
        return Outcome(OutcomeStatus.REFUSED, words)
    done: list[str] = []
    for secret in secrets:
        failed = yield from _rotate(context, request, secret, users[secret.name], tracker)
        if failed:
            before = f" {ROTATED_BEFORE.format(secrets=' and '.join(done))}" if done else ""
            return replace(failed, reason=f"{failed.reason}{before}")
        done.append(name_of(secret.id))
    what = SEVERAL if len(done) > 1 else ONE
    words = ROTATED.format(name=request.environment, what=what, secret=" and ".join(done), rest=REST)
    return Outcome(OutcomeStatus.SUCCEEDED, words)


def _is_renewed(resource: Resource, request: PasswordRotation) -> bool:
    """Whether a resource is a secret that is in use, and one of those that are asked for."""
    asked = not request.only or resource.name in request.only
    return kind_of(resource).rotatable and not resource.superseded and asked


def _users_of(secret: Resource, resources: Sequence[Resource]) -> list[Resource]:
    """The resources of which this secret is a password."""
    return [one for one in resources if name_of(secret.id) in kind_of(one).login_secrets(one)]


def _powered(resources: Sequence[Resource], users: Sequence[Resource]) -> list[Resource]:
    """What must run for these resources to take a password: each itself, or the machine that it is in; every one once."""
    by_name = {one.name: one for one in resources}
    found = [one if kind_of(one).power_state else by_name.get(one.contained_in, one) for one in users]
    return list({one.name: one for one in found}.values())


def _rotate(
    context: Context, request: PasswordRotation, secret: Resource, users: Sequence[Resource], tracker: ProgressTracker
) -> Orchestration[Outcome | None]:
    """Renew one secret; returns None if everyone has the new password, else the outcome."""
    step = f"renew {secret.name}"
    tracker.begin(step, needs=("preflight",))
    answer = yield from poll_to_end(context, renew_secret, SecretRequest(request.operation, secret))
    refusal = refusal_in(answer, step)
    tracker.end(step, REFUSED if refusal else DONE)
    if refusal or not isinstance(answer, Done):
        return Outcome.failed([refusal] if refusal else [], undone=NOTHING_CHANGED)
    versions = Versions(answer.outputs["previous"], answer.outputs["current"])
    found, refusals = dict[str, str](), list[Refusal]()
    for user in users:
        login = LoginRequest(user, versions.current, name_of(secret.id))
        found[user.name], refused = yield from _change(context, secret, login, tracker)
        refusals += refused
        if found[user.name] != CURRENT:  # the other users do not get a password that may not stay
            break
    if all(found.get(user.name) == CURRENT for user in users):
        return None
    return (yield from _go_back(context, request, secret, users, found, versions, refusals, tracker))


def _change(
    context: Context, secret: Resource, login: LoginRequest, tracker: ProgressTracker, word: str = "set"
) -> Orchestration[tuple[str, list[Refusal]]]:
    """Set the password of a resource; returns `current` or `other` ("": unknown), and what was refused."""
    step = f"{word} {secret.name} on {login.resource.name}"
    tracker.begin(step, needs=[report.name for report in tracker.reports][-1:])
    refusals: list[Refusal] = []
    answer = yield from _ask(context, change_login, login)
    found = answer.outputs.get("password", "") if isinstance(answer, Done) else ""
    if found != CURRENT:
        detail = "The machine did not confirm the new password."
        refusals.append(refusal_in(answer, step) or Refusal(RefusalReason.FAILED_LATE, detail, step=step))
        checked = yield from _ask(context, check_login, login)
        found = checked.outputs.get("password", "") if isinstance(checked, Done) else ""
    tracker.end(step, DONE if found == CURRENT else REFUSED)
    return found, refusals


def _ask(context: Context, begin: Activity[Any], request: LoginRequest) -> Orchestration[Ended]:
    """Run a script about a password; a machine that runs another command is asked again a little later."""
    for look in range(TRIES):
        answer = yield from poll_to_end(context, begin, request, ask=read_login, probed=request.resource)
        if not isinstance(answer, Refused) or answer.refusal.reason is not RefusalReason.CONFLICT:
            return answer
        if look + 1 < TRIES:
            yield from sleep(context, BETWEEN_TRIES)
    return answer


def _go_back(
    context: Context,
    request: PasswordRotation,
    secret: Resource,
    users: Sequence[Resource],
    found: dict[str, str],
    versions: Versions,
    refusals: list[Refusal],
    tracker: ProgressTracker,
) -> Orchestration[Outcome]:
    """Make the previous password the newest version again, on every machine; or say which version works."""
    called = name_of(secret.id)
    facts = {"secret": called, "previous": versions.previous, "current": versions.current}
    ours = [] if "" in found.values() else [user for user in users if found.get(user.name) == CURRENT]
    for user in ours:
        login = LoginRequest(user, versions.previous, called)
        back, refused = yield from _change(context, secret, login, tracker, "put back")
        found[user.name] = "other" if back == CURRENT else ""
        refusals += refused
    unknown = [name for name, password in found.items() if not password]
    if unknown:
        return Outcome.failed(refusals, undone=UNKNOWN.format(names=", ".join(unknown), **facts))
    step = f"restore {secret.name}"
    tracker.begin(step, needs=[report.name for report in tracker.reports][-1:])
    answer = yield from poll_to_end(context, restore_secret, SecretRequest(request.operation, secret, versions.previous))
    refusal = refusal_in(answer, step)
    tracker.end(step, REFUSED if refusal else DONE)
    if refusal:
        return Outcome.failed([*refusals, refusal], undone=NOT_RESTORED.format(**facts))
    return Outcome.failed(refusals, undone=RESTORED.format(**facts))
