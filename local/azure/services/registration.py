"""Resource providers: whether the subscription is registered for them.

The refusal is recorded ("PUT [rg]/microsoft.recoveryservices/vaults/{}", 409); reads of an unregistered provider are not,
and are answered as ever.
"""

import re

from local.azure.core.responses import Refused
from local.azure.core.world import World
from local.azure.providers.common import GATEWAY

STATES = "registration states"
REGISTERED = "Registered"
IN_PATH = re.compile(r"/providers/(?P<namespace>[^/]+)/", re.IGNORECASE)
WRITES = ("PUT", "PATCH", "POST")


def state_of(world: World, namespace: str) -> str:
    """The registration state of a provider."""
    stored = world.store.get(STATES, namespace.lower())
    return str(stored["state"]) if stored else REGISTERED


def check_registered(world: World, method: str, path: str) -> None:
    """Raise the refusal of a write to a provider for which the subscription is not registered."""
    found = list(IN_PATH.finditer(path))
    if method not in WRITES or not found:
        return
    namespace = found[-1]["namespace"]
    if state_of(world, namespace) in (REGISTERED, "Registering"):
        return
    code = "MissingSubscriptionRegistration"
    text = (
        f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to "
        "register subscriptions."
    )
    details = [{"code": code, "target": namespace, "message": text}]
    raise Refused(409, code, text, details=details, headers=GATEWAY)
