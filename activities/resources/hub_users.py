"""Requests for the named users of a machine with JupyterHub: a script inside it, which gets hashes of their passwords."""

import asyncio
from typing import Any

from activities.resources.api import LoginApi, ResourceApi
from activities.resources.compute import get_virtual_machine
from activities.resources.run_command import run_script, script_output
from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import get_existing
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import LoginRequest, PutRequest
from dormouse.environments.results import Check, Refusal, RefusalReason
from dormouse.guest.password_change import change_script, check_script, password_found
from dormouse.guest.user_change import UserLogin, users_found, users_script
from dormouse.resources.hub_users import machine_of, user_with
from dormouse.resources.kinds import Observed
from dormouse.resources.plan import Resource

PAUSE = 15.0


async def put_users(request: PutRequest, cloud: Cloud) -> Answer:
    """Start making the accounts of the machine those of its users; what is done already stays as it is.

    A machine that takes no command now, because it restarts, is asked again a little later. A new one without users needs
    nothing.
    """
    resource = request.resource
    users = resource.body["users"]
    if not users and not request.update:
        return Done()
    logins = await asyncio.gather(*(_login(one["name"], bool(one["sudo"]), resource, cloud) for one in users))
    # Hashes are slow to compute on purpose.
    script = await asyncio.to_thread(users_script, logins)
    answer = await run_script(machine_of(resource), script, cloud)
    busy = isinstance(answer, Refused) and answer.refusal.reason is RefusalReason.CONFLICT
    return Pending(PAUSE, detail="The machine takes no command now.") if busy else answer


async def _login(name: str, sudo: bool, resource: Resource, cloud: Cloud) -> UserLogin:  # noqa: FBT001 - a field of the user
    secret = await get_existing(cloud.secrets.get_secret(resource.settings[name]))
    return UserLogin(name, sudo, secret.value or "", str(secret.properties.version))


def read_users(resource: Resource, body: Any) -> Answer:
    """What the script says: done, not yet, or why the machine cannot have these users."""
    result, detail = users_found(script_output(body))
    if result is Check.PASSED:
        return Done()
    if result is Check.WAITING:
        return Pending(PAUSE, detail=detail)
    return Refused(Refusal(RefusalReason.FAILED_LATE, f"The users of the machine were not changed: {detail}."))


async def get_users(resource: Resource, cloud: Cloud) -> Observed | None:
    """The machine whose users these are, or None: what is inside is not known to Azure."""
    found = await get_virtual_machine(_machine(resource), cloud)
    return None if found is None else {"id": resource.id}


async def delete_users(resource: Resource, cloud: Cloud) -> Answer:
    """Nothing is left to delete: accounts go with the disk of their machine."""
    return Done()


async def change_user_password(request: LoginRequest, cloud: Cloud) -> Answer:
    """Start setting the password of one user; only its hash leaves the control plane."""
    return await run_script(machine_of(request.resource), await _script(change_script, request, cloud), cloud)


async def check_user_password(request: LoginRequest, cloud: Cloud) -> Answer:
    """Start checking which password one user has."""
    return await run_script(machine_of(request.resource), await _script(check_script, request, cloud), cloud)


async def _script(script: Any, request: LoginRequest, cloud: Cloud) -> str:
    secret = await get_existing(cloud.secrets.get_secret(request.secret, request.version))
    return str(script(user_with(request.resource, request.secret), secret.value or "", request.version))


def read_user_password(body: Any) -> str:
    """Which password the user has, in the output of a script."""
    return password_found(script_output(body))


def _machine(resource: Resource) -> Resource:
    return Resource(resource.contained_in, "virtual_machine", machine_of(resource))


HUB_USERS = ResourceApi(
    put_users,
    get_users,
    delete_users,
    read_put=read_users,
    login=LoginApi(change_user_password, check_user_password, read_user_password),
)
