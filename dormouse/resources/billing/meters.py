"""Meters: the rows of the Azure Retail Prices API that say what a resource costs as long as it exists. Pure.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import re
from dataclasses import dataclass

HOURS_A_MONTH = 730
OWN_REGION, GLOBAL, NO_REGION = "own region", "Global", ""
HOUR, DAY, MONTH = "1 Hour", "1/Day", "1/Month"
# Row keys of tables take no slashes and the like.
UNFIT = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Meter:
    """A row of the price list: service, product, SKU and meter; `hours` is how long one `unit` of it lasts.

    `region` is the one under which it is listed: that of the resource (`OWN_REGION`), `Global`, or none.
    """

    service: str
    product: str
    sku: str
    name: str
    unit: str = HOUR
    hours: float = 1.0
    region: str = OWN_REGION

    def listed_in(self, region: str) -> str:
        """The region under which its price is kept for a resource in a region; `none` for what is listed under none."""
        return region if self.region == OWN_REGION else self.region.lower() or "none"

    @property
    def price_key(self) -> str:
        """The key of its price among the prices of a region."""
        names = " ".join((self.service, self.product, self.sku, self.name)).lower()
        return f"meter {UNFIT.sub('-', names)}"


@dataclass(frozen=True, slots=True)
class Charge:
    """What a resource is billed for as long as it exists; without a meter, it is not known for how much."""

    meter: Meter | None
    label: str

    @classmethod
    def of(cls, meter: Meter) -> "Charge":
        """The charge of one unit of a meter."""
        return cls(meter, meter.name)


STANDARD = "Standard"
ADDRESS = Meter("Virtual Network", "IP Addresses", STANDARD, "Standard IPv4 Static Public IP")
# These are listed under the region Global, as live queries of 2026 show; of NAT gateways one source says so.
PRIVATE_ENDPOINT = Meter(
    "Virtual Network", "Virtual Network Private Link", STANDARD, "Standard Private Endpoint", region=GLOBAL
)
LOAD_BALANCER = Meter(
    "Load Balancer", "Load Balancer", STANDARD, "Standard Included LB Rules and Outbound Rules", region=GLOBAL
)
NAT_GATEWAY = Meter("NAT Gateway", "NAT Gateway", STANDARD, "Standard Gateway", region=GLOBAL)
# Per zone and month: https://azure.microsoft.com/pricing/details/dns
DNS_ZONE = Meter("Azure DNS", "Azure DNS", "Private", "Private Zone", "1", HOURS_A_MONTH, NO_REGION)
# The kinds by their SKUs, and the largest size of each tier: https://learn.microsoft.com/azure/virtual-machines/disks-types
DISK_KINDS = {
    "Premium": ("Premium SSD Managed Disks", "P"),
    "StandardSSD": ("Standard SSD Managed Disks", "E"),
    "Standard": ("Standard HDD Managed Disks", "S"),
}
DISK_TIERS = {
    4: 1,
    8: 2,
    16: 3,
    32: 4,
    64: 6,
    128: 10,
    256: 15,
    512: 20,
    1024: 30,
    2048: 40,
    4096: 50,
    8192: 60,
    16384: 70,
    32767: 80,
}
SMALLEST_STANDARD_HDD_GIB = 32


def disk_meter(kind: str, gib: int) -> Meter | None:
    """The meter of a managed disk of this SKU (`Premium_LRS`) and size: a disk is billed as the next larger tier.

    None for a SKU that is not billed by tiers, such as `PremiumV2_LRS`, or a size beyond the largest one.
    """
    family, _, redundancy = kind.partition("_")
    if family not in DISK_KINDS or not redundancy:
        return None
    product, letter = DISK_KINDS[family]
    least = SMALLEST_STANDARD_HDD_GIB if letter == "S" else 0
    tier = next((tier for most, tier in DISK_TIERS.items() if max(gib, least) <= most), None)
    if tier is None:
        return None
    sku = f"{letter}{tier} {redundancy}"
    return Meter("Storage", product, sku, f"{sku} Disk", MONTH, HOURS_A_MONTH)


def registry_meter(tier: str) -> Meter:
    """The meter of a container registry of this tier, which is billed by the day."""
    return Meter("Container Registry", "Container Registry", tier, f"{tier} Registry Unit", DAY, 24.0)


def cluster_meter(tier: str) -> Meter | None:
    """The meter of the control plane of a Kubernetes cluster of this tier; None for `Free`.

    https://azure.microsoft.com/pricing/details/kubernetes-service
    """
    names = {STANDARD: "Standard Uptime SLA", "Premium": "Standard Long Term Support"}
    service = "Azure Kubernetes Service"
    return Meter(service, service, STANDARD, names[tier]) if tier in names else None
