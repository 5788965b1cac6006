"""A look for what the records do not know, and for what they know and Azure does not have."""

from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.sdk_errors import get_or_none, list_all
from dormouse.records.environments import Records
from dormouse.resources.compute.machines import DEPLOYMENT_TAG
from dormouse.resources.keyvault import is_secret
from dormouse.resources.naming import name_of
from dormouse.resources.registry import is_group


async def findings(cloud: Cloud) -> list[str]:
    """What records and Azure disagree about, one sentence each; raises CloudUnavailable or RefusedByAzure."""
    records = await Records(cloud.tables).all_environments()
    groups = await list_all(
        cloud.resources.resource_groups.list(
            filter=f"tagName eq '{DEPLOYMENT_TAG}' and tagValue eq '{cloud.settings.deployment_id}'"
        )
    )
    there = {str(group["id"]).lower(): str(group["id"]) for group in groups}
    named = {one.id.lower(): record.name for record in records for one in record.resources if is_group(one)}
    # Groups of earlier releases do not have the tag.
    untagged = {group: name for group, name in named.items() if group not in there}
    inventory = Inventory(cloud)
    found = [
        f"{name} has no resource group in Azure ({name_of(group)})."
        for group, name in untagged.items()
        if not (await inventory.group(name_of(group))).id
    ]
    found += [f"No record names {there[group]}, whose tags name this deployment." for group in there if group not in named]
    secrets = [(record.name, one.id) for record in records for one in record.resources if is_secret(one.id)]
    for name, identifier in secrets:
        if await get_or_none(cloud.secrets.get_secret(name_of(identifier))) is None:
            found.append(f"{name} has no password in {cloud.settings.key_vault_url} (secret {name_of(identifier)}).")
    return sorted(found)
