"""Rotation of a password that several machines share: it is the new one on all of them, or the old one."""

from collections.abc import Mapping, Sequence

import pytest

from activities.notifications import send_notifications
from activities.operations import poll_operation
from activities.records import close_operation, holds_lock
from activities.resources.generic import (
    change_login,
    check_login,
    observe_resource,
    read_login,
    renew_secret,
    restore_secret,
)
from dormouse import serialization
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.operations import PasswordRotation
from dormouse.environments.requests import LoginRequest, PollRequest, SecretRequest
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason, ResourceStatus
from dormouse.lifecycle import State
from dormouse.notifications.notification import Delivery
from dormouse.resources.plan import Resource
from orchestrators.environments.rotate_password import rotate_password
from tests.unit.builders import ULID
from tests.unit.durable import DurableContext

URL = "https://management.azure.com/operations/"
FORBIDDEN = Refused(Refusal(RefusalReason.FORBIDDEN, "no", "AuthorizationFailed"))
BUSY = Refused(Refusal(RefusalReason.CONFLICT, "another command runs", "Conflict"))
SECRET = Resource("password", "password", "secrets/dormouse-ml1-x")


def vm(name: str) -> Resource:
    return Resource(name, "virtual_machine", f"/subscriptions/s/vm/{name}", settings={"secret": "dormouse-ml1-x"})


class Rotation:
    """A rotation that was carried out on two machines; `deaf` do not take a password, `silent` answer no check."""

    def __init__(
        self,
        *,
        deaf: Sequence[str] = (),
        silent: Sequence[str] = (),
        begins: Mapping[str, Sequence[Answer]] | None = None,
        renew: Answer | None = None,
        restore: Answer | None = None,
        states: Mapping[str, State] | None = None,
        note: str = "",
    ) -> None:
        self.passwords = {"vm-1": "v1", "vm-2": "v1"}
        self.newest = "v1"
        self._deaf, self._silent, self._states = deaf, silent, states or {}
        self._begins = {name: list(answers) for name, answers in (begins or {}).items()}
        self._renew, self._restore = renew, restore
        request = PasswordRotation(f"ml1-rotate-password-{ULID}", "ml1", (SECRET, vm("vm-1"), vm("vm-2")), note)
        self.context = DurableContext(
            {
                holds_lock: lambda _: True,
                observe_resource: lambda one: ResourceStatus(
                    one.name, True, state=self._states.get(one.name, State.RUNNING)
                ),
                renew_secret: self._on_renewal,
                restore_secret: self._on_restoration,
                change_login: self._on_change,
                check_login: self._on_check,
                read_login: self._read,
                poll_operation: lambda _: Done(),
                close_operation: lambda _: "",
                send_notifications: lambda _: Delivery(),
            },
            request=request,
        )
        self._asked: dict[str, str] = {}
        self.outcome = serialization.decode(Outcome, self.context.run(rotate_password(self.context)))

    def _on_renewal(self, request: SecretRequest) -> Answer:
        if self._renew is None:
            self.newest = "v2"
        return self._renew or Done({"previous": "v1", "current": "v2"})

    def _on_restoration(self, request: SecretRequest) -> Answer:
        if self._restore is None:
            self.newest = request.version
        return self._restore or Done({"previous": "v2", "current": "v3"})

    def _on_change(self, request: LoginRequest) -> Answer:
        name = request.resource.name
        if self._begins.get(name):
            return self._begins[name].pop(0)
        if name in self._silent:
            return FORBIDDEN
        if name not in self._deaf:
            self.passwords[name] = request.version
        return self._on_check(request)

    def _on_check(self, request: LoginRequest) -> Answer:
        name = request.resource.name
        self._asked[name] = request.version
        return FORBIDDEN if name in self._silent else Pending(4.0, URL + name)

    def _read(self, request: PollRequest) -> Answer:
        assert request.resource is not None
        name = request.resource.name
        return Done({"password": "current" if self.passwords[name] == self._asked[name] else "other"})


def test_every_machine_gets_the_new_password() -> None:
    rotation = Rotation()
    assert (rotation.outcome.status, rotation.newest) == (OutcomeStatus.SUCCEEDED, "v2")
    assert rotation.passwords == {"vm-1": "v2", "vm-2": "v2"}


def test_a_machine_that_runs_another_command_is_asked_again() -> None:
    rotation = Rotation(begins={"vm-1": [BUSY, BUSY]})
    assert rotation.outcome.status is OutcomeStatus.SUCCEEDED
    assert rotation.context.seconds >= 40


def test_a_refused_change_is_checked_and_the_previous_password_is_restored() -> None:
    rotation = Rotation(begins={"vm-1": [FORBIDDEN]})
    assert rotation.outcome.status is OutcomeStatus.FAILED, "it was refused, and the check finds the old one"
    assert (rotation.passwords, rotation.newest) == ({"vm-1": "v1", "vm-2": "v1"}, "v1")


def test_a_machine_that_does_not_take_it_gives_all_of_them_the_previous_one() -> None:
    rotation = Rotation(deaf=["vm-2"])
    assert (rotation.outcome.status, rotation.newest) == (OutcomeStatus.FAILED, "v1")
    assert rotation.passwords == {"vm-1": "v1", "vm-2": "v1"}
    assert "is the one that works" in rotation.outcome.reason


def test_what_is_unknown_is_said_and_nothing_is_undone_blindly() -> None:
    rotation = Rotation(silent=["vm-2"])
    assert (rotation.outcome.status, rotation.newest) == (OutcomeStatus.FAILED, "v2")
    assert rotation.passwords["vm-1"] == "v2"
    assert "unknown which password works on vm-2: version v2" in rotation.outcome.reason
    assert "or version v1" in rotation.outcome.reason


def test_if_the_previous_one_cannot_be_restored_the_version_that_works_is_named() -> None:
    rotation = Rotation(deaf=["vm-1"], restore=FORBIDDEN)
    assert "does not work: version v1 does" in rotation.outcome.reason


def test_a_vault_that_refuses_changes_nothing() -> None:
    rotation = Rotation(renew=FORBIDDEN)
    assert rotation.outcome.reason.endswith("Nothing was changed; the password is the one that it was.")
    assert rotation.context.requests(change_login) == []


@pytest.mark.parametrize("state", [State.STOPPED, State.UNKNOWN, State.STARTING])
def test_a_machine_that_does_not_run_any_more_is_a_refusal(state: State) -> None:
    rotation = Rotation(states={"vm-2": state})
    assert (rotation.outcome.status, rotation.context.requests(renew_secret)) == (OutcomeStatus.REFUSED, [])
    assert f"vm-2 is {state}" in rotation.outcome.reason


@pytest.mark.parametrize("deaf", [(), ("vm-1",)])
def test_why_a_rotation_began_by_itself_ends_its_reason(deaf: tuple[str, ...]) -> None:
    said = "It began because the password was old."
    assert Rotation(deaf=deaf, note=said).outcome.reason.endswith(said)
    assert said not in Rotation(deaf=deaf).outcome.reason
