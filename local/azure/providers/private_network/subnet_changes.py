"""While a subnet is being changed for one private endpoint, others must wait.

https://github.com/hashicorp/terraform-provider-azurerm/issues/21293
"""

from typing import NoReturn

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.world import World
from local.azure.providers.common import SERVICE, Body

# For how many seconds it is being changed: assumed.
SUBNET_CHANGES = 5.0


def check_subnet_is_free(world: World, rid: ResourceId, subnet: Body) -> None:
    """Raise the refusal for a subnet that is being changed for another endpoint.

    https://github.com/hashicorp/terraform-provider-azurerm/issues/30197
    """
    known = world.store.get("subnet changes", subnet["id"])
    if known and world.seconds() < known["until"]:
        text = (
            f"Cannot proceed with operation because resource {subnet['id']} used by resource {rid.text} is not in Succeeded "
            "state. Resource is in Updating state and the last operation that updated/is updating the resource is "
            "PutSubnetOperation."
        )
        refuse_for_now("ReferencedResourceNotProvisioned", text)


def change_subnet(world: World, subnet: Body) -> None:
    """Let a subnet be changed for an endpoint from now on, for a while."""
    world.store.put("subnet changes", subnet["id"], {"until": world.seconds() + SUBNET_CHANGES})


def refuse_for_now(code: str, text: str) -> NoReturn:
    """Raise the refusal of what may be repeated, with the reason why."""
    details = [{"code": code, "message": text}]
    raise Refused(429, "RetryableError", "A retryable error occurred.", details=details, headers=SERVICE)
