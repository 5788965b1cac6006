"""Where an environment may be built: the order of the alternatives, and what a spec cannot ask for."""

from typing import Any

import pytest

from dormouse.blueprints.placement import MOST_PLACEMENTS
from dormouse.blueprints.specs import read_spec
from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.errors import InvalidSpec
from dormouse.resources.placement import Placement
from tests.unit.builders import workstation_spec

A10, LARGER, T4, D4, D4D = (
    "Standard_NV6ads_A10_v5",
    "Standard_NV12ads_A10_v5",
    "Standard_NC4as_T4_v3",
    "Standard_D4s_v5",
    "Standard_D4ds_v5",
)
HERE, THERE = "polandcentral", "swedencentral"


def words(spec: WorkstationSpec) -> list[str]:
    return [placement.in_words() for placement in spec.placements()]


def test_without_a_fallback_there_is_one_placement() -> None:
    assert words(workstation_spec()) == [f"{A10} in {HERE}"]
    assert words(workstation_spec(zone="2")) == [f"{A10} in zone 2 of {HERE}"]


def test_zones_are_tried_before_sizes_and_sizes_before_regions() -> None:
    fallback = {"zones": ["1", "any"], "sizes": [LARGER.upper()], "regions": ["Sweden Central"]}
    assert words(workstation_spec(zone="2", fallback=fallback)) == [
        f"{size} in {zone}{region}"
        for region in (HERE, THERE)
        for size in (A10, LARGER)
        for zone in ("zone 2 of ", "zone 1 of ", "")
    ]


def test_what_is_named_twice_is_tried_once() -> None:
    fallback = {"zones": ["any", "any"], "sizes": [A10, LARGER, LARGER], "regions": [HERE]}
    assert words(workstation_spec(fallback=fallback)) == [f"{A10} in {HERE}", f"{LARGER} in {HERE}"]


def test_a_spec_that_is_placed_differs_in_its_placement_only() -> None:
    spec = workstation_spec(zone="2", fallback={"sizes": [LARGER]})
    placed = spec.placed(Placement(THERE, LARGER, ""))
    assert isinstance(placed, WorkstationSpec)
    assert (placed.region, placed.size, placed.zone) == (THERE, LARGER, None)
    assert placed.model_dump(exclude={"region", "size", "zone"}) == spec.model_dump(exclude={"region", "size", "zone"})
    assert spec.placed(None) is spec


def starts(size: str, *others: str, disk: str = "Standard_LRS") -> list[str]:
    fallback = {"sizes": list(others), "resize_at_start": True}
    spec = workstation_spec(size=size, disk={"type": disk}, fallback=fallback)
    return [placement.size for placement in spec.start_placements(Placement(HERE, size, "2"))]


@pytest.mark.parametrize(
    ("size", "others", "found"),
    [
        (A10, [LARGER], [LARGER]),
        (A10, [T4], []),
        (D4, [A10, "Standard_D8s_v5"], ["Standard_D8s_v5"]),
        (D4, [D4D], []),
        (D4D, ["Standard_D8ds_v5", "Standard_D4s_v3"], ["Standard_D8ds_v5", "Standard_D4s_v3"]),
    ],
)
def test_a_machine_may_be_resized_to_what_can_run_its_disk(size: str, others: list[str], found: list[str]) -> None:
    assert starts(size, *others) == found


def test_a_resized_machine_may_go_back_to_the_size_that_was_asked_for() -> None:
    spec = workstation_spec(fallback={"sizes": [LARGER], "resize_at_start": True})
    assert [one.size for one in spec.start_placements(Placement(HERE, LARGER, "1"))] == [A10]
    assert [one.zone for one in spec.start_placements(Placement(HERE, LARGER, "1"))] == ["1"]
    assert workstation_spec(fallback={"sizes": [LARGER]}).start_placements(Placement(HERE, A10)) == ()


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        ({"zone": "4"}, "/zone", "1"),
        ({"fallback": {"zones": ["none"]}}, "/fallback/zones/0", "any"),
        ({"fallback": {"sizes": ["Standard_NC6"]}}, "/fallback/sizes/0", "retired"),
        ({"fallback": {"sizes": ["Standard_D4ps_v5"]}}, "/fallback/sizes/0", "Arm64"),
        ({"fallback": {"sizes": ["Standard_D4_v3"]}, "disk": {"type": "Premium_LRS"}}, "/fallback/sizes/0", "Premium_LRS"),
        ({"fallback": {"regions": ["?"]}}, "/fallback/regions/0", "an Azure region"),
        ({"fallback": {"resize_at_start": True}}, "/fallback/sizes", "is empty"),
        ({"fallback": {"again": True}}, "/fallback/again", ""),
        (
            {"fallback": {"zones": ["1", "2", "3"], "sizes": [LARGER, T4, D4], "regions": [THERE]}},
            "/fallback",
            f"make 32 combinations; {MOST_PLACEMENTS} are the most",
        ),
        ({"max_hourly_cost": 0}, "/max_hourly_cost", "must be more than 0"),
    ],
)
def test_what_cannot_be_tried_is_a_fault_with_its_place(fields: dict[str, Any], pointer: str, detail: str) -> None:
    body = {"blueprint": "workstation", "region": HERE, **fields}
    with pytest.raises(InvalidSpec) as refused:
        read_spec("ml1", body, caller_address="203.0.113.7", caller="ann")
    faults = {fault.pointer: fault.detail for fault in refused.value.faults}
    assert detail in faults[pointer], faults
