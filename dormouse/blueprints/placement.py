"""Where machines may be built: the zone that is asked for, and what may be tried when Azure has no capacity."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from dormouse.blueprints.fields import Region, Size
from dormouse.blueprints.sleeping import SleepingSpec
from dormouse.blueprints.spec import Disk, Hibernation, Image, Part, machine_misfits
from dormouse.blueprints.spot import MaxPrice, spot_misfits
from dormouse.errors import Fault
from dormouse.resources.compute.spot import NO_LIMIT, SPOT
from dormouse.resources.compute.virtual_machines import Machine
from dormouse.resources.placement import Placement
from dormouse.resources.sizes.vm_sizes import MachineSize, find_size
from dormouse.text.doc import doc
from dormouse.text.validators import Several

ANY_ZONE: Literal["any"] = "any"
# The plan of each is part of the operation's history.
MOST_PLACEMENTS = 16


class Fallback(Part):
    """What may be tried when Azure has no capacity: first other zones, then other sizes, then other regions, each in order.

    Only a lack of capacity is answered like this: quotas, policies, restrictions and invalid requests are not.
    """

    zones: Annotated[
        tuple[Literal["1", "2", "3", "any"], ...],
        Several(4),
        doc("Other availability zones; `any` is none in particular.", ["2", "any"]),
    ] = ()
    sizes: Annotated[tuple[Size, ...], Several(6), doc("Other VM sizes.", ["Standard_NV12ads_A10_v5"])] = ()
    regions: Annotated[tuple[Region, ...], Several(6), doc("Other regions.", ["swedencentral"])] = ()
    resize_at_start: Annotated[
        bool, doc("Whether a stopped machine may be resized to one of `sizes` if it cannot be started.", True)
    ] = False


def machine_of(spec: "MachineSpec", image: Image, ssh_public_key: str | None, driver_version: str) -> Machine:
    """The VM that a spec asks for."""
    disk, key = spec.disk, ssh_public_key or ""
    zone, hibernates = spec.zone or "", spec.hibernation is not None
    machine = Machine(spec.size, image.model_dump(), disk.size_gib, disk.type, key, driver_version, zone, hibernates)
    return replace(machine, spot=spec.spot, max_price=spec.max_price)


class MachineSpec(SleepingSpec):
    """The spec of an environment whose machines have one VM size."""

    changeable: ClassVar[frozenset[str]] = SleepingSpec.changeable | {
        *("disk", "fallback", "hibernation", "on_eviction", "size"),
    }

    size: Annotated[Size, doc("The VM size.", "Standard_NV6ads_A10_v5")]
    zone: Annotated[
        Literal["1", "2", "3"] | None,
        doc("The availability zone; null if Azure may choose. It is kept unless `fallback.zones` has others.", "1"),
    ] = None
    disk: Annotated[Disk, doc("The disk of the operating system.", {"size_gib": 128, "type": "Premium_LRS"})] = Disk()
    fallback: Annotated[
        Fallback,
        doc("What may be tried when Azure has no capacity.", {"zones": ["any"], "sizes": ["Standard_NV12ads_A10_v5"]}),
    ] = Fallback()
    hibernation: Annotated[
        Hibernation | None,
        doc(
            "Whether its machines can hibernate, and what is done if that fails; null if they cannot.", {"fallback": "keep"}
        ),
    ] = None
    priority: Annotated[
        Literal["regular", "spot"],
        doc("`spot` for a Spot VM: cheaper, and Azure may stop (evict) it at any time with 30 seconds notice.", "spot"),
    ] = "regular"
    max_price: Annotated[
        MaxPrice,
        doc("The price per hour in USD above which Azure evicts a Spot VM; -1 for the pay-as-you-go price.", 0.25),
    ] = NO_LIMIT
    on_eviction: Annotated[
        Literal["notify", "restart"],
        doc("What is done when a Spot VM was evicted: people are told, or it is also started again.", "restart"),
    ] = "notify"

    @property
    def spot(self) -> bool:
        """Whether its machines are Spot VMs."""
        return self.priority == SPOT

    def placements(self) -> Sequence[Placement]:
        """Where it may be built, in the order in which that is tried: zones before sizes, sizes before regions."""
        other = self.fallback
        zones = dict.fromkeys((self.zone or "", *(zone.replace(ANY_ZONE, "") for zone in other.zones)))
        sizes, regions = dict.fromkeys((self.size, *other.sizes)), dict.fromkeys((self.region, *other.regions))
        return tuple(Placement(region, size, zone) for region in regions for size in sizes for zone in zones)

    def start_placements(self, now: Placement) -> Sequence[Placement]:
        """The sizes to which a stopped machine may be resized for a start: those that can run what is on its disk."""
        if not self.fallback.resize_at_start:
            return ()
        sizes = [size for size in dict.fromkeys((self.size, *self.fallback.sizes)) if size != now.size]
        return tuple(Placement(now.region, size, now.zone) for size in sizes if self._boots_in(size, now.size))

    def _placed_fields(self, placement: Placement) -> dict[str, object]:
        return {"region": placement.region, "size": placement.size, "zone": placement.zone or None}

    def misfits(self) -> Sequence[Fault]:
        """The faults of sizes that do not fit the disk or the setup, and of too many combinations."""
        return (*super().misfits(), *self._misfits())

    def _misfits(self) -> Iterator[Fault]:
        yield from machine_misfits(self.size, self.disk)
        for number, size in enumerate(self.fallback.sizes):
            yield from machine_misfits(size, self.disk, f"/fallback/sizes/{number}")
        yield from spot_misfits(self)
        if (count := len(self.placements())) > MOST_PLACEMENTS:
            detail = f"zones, sizes and regions make {count} combinations; {MOST_PLACEMENTS} are the most that can be tried"
            yield Fault("/fallback", detail)
        if self.fallback.resize_at_start and not self.fallback.sizes:
            yield Fault("/fallback/sizes", "is empty, so there is nothing to which a machine could be resized at a start")

    def _boots_in(self, size: str, present: str) -> bool:
        """Whether a machine of the present size could run with another one: its disk keeps the driver that is on it."""
        return not machine_misfits(size, self.disk) and _kind_of(find_size(size)) == _kind_of(find_size(present))


def _kind_of(size: MachineSize) -> tuple[object, ...]:
    return size.driver, size.generation2, size.trusted_launch, size.arm64, size.local_disk
