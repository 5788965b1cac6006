"""The check whether clusters can ever have a node: Azure Machine Learning has quotas of its own."""

from collections.abc import Sequence

from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import list_at
from dormouse.cloud.refusals.refusal_rules import OWN_QUOTA
from dormouse.cloud.sdk_errors import list_all
from dormouse.environments.quota import QuotaShortage, shortage_of
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.ml.clusters import ML_CLUSTER
from dormouse.resources.ml.quota import FirstNode, Shortfall, shortfalls
from dormouse.resources.ml.workspaces import API_VERSION, PROVIDER
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.sizes.sku_rows import SkuRow, sku_rows

USAGES = "/subscriptions/{subscription}/providers/{provider}/locations/{region}/usages"


async def ml_quota_suffices(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The clusters whose VM size the region does not offer, and the quotas that leave them without any node."""
    clusters = [one for one in absent if one.kind == ML_CLUSTER.name]
    skus = await list_all(cloud.compute.resource_skus.list(filter=f"location eq '{plan.region}'"))
    offered = {sku.name.lower(): sku for sku in sku_rows(skus, plan.region)}
    unknown = [one for one in clusters if one.settings["size"].lower() not in offered]
    nodes = [_node(one, offered[one.settings["size"].lower()]) for one in clusters if one not in unknown]
    path = USAGES.format(subscription=cloud.settings.azure_subscription_id, provider=PROVIDER, region=plan.region)
    rows = await list_at(cloud, path, API_VERSION)
    short = {(one.name, one.cluster): one for one in shortfalls(rows, nodes)}
    return [*(_not_offered(one, plan.region) for one in unknown), *(_refusal(one, plan.region) for one in short.values())]


def _node(resource: Resource, sku: SkuRow) -> FirstNode:
    return FirstNode(resource.name, sku.family, sku.vcpus, resource.settings["priority"])


def _not_offered(resource: Resource, region: str) -> Refusal:
    detail = f"{resource.settings['size']} is not offered in {region}."
    return Refusal(RefusalReason.NOT_OFFERED, detail, step=resource.name)


def _refusal(short: Shortfall, region: str) -> Refusal:
    detail = f"{short.name} in {region}: the limit is {short.limit}, {short.used} are in use, and {short.needed} are needed."
    return Refusal(RefusalReason.QUOTA_EXCEEDED, detail, step=short.cluster, advice=OWN_QUOTA, quota=_numbers(short))


def _numbers(short: Shortfall) -> QuotaShortage:
    return shortage_of(short.limit, short.used, short.needed)
