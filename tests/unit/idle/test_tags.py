import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.blueprints.specs import WorkstationSpec
from dormouse.blueprints.workstation import Parts
from dormouse.idle.tags import KNOWN, tag_faults
from dormouse.resources.plan import DeploymentTarget


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("dormouse_keep", "dormouse-keep"),
        ("dormouse-idel", "dormouse-idle"),
        ("Dormouse-Keep ", "dormouse-keep"),
        (" dormouse-keep", "dormouse-keep"),
        ("dormouse.idle", "dormouse-idle"),
        ("dormouse-schedul", "dormouse-schedule"),
        ("dormose-keep", "dormouse-keep"),
        ("doormouse-idle", "dormouse-idle"),
        ("dromouse-keep", "dormouse-keep"),
        ("dromuose-keep", "dormouse-keep"),
        ("door-mouse-idle", "dormouse-idle"),
        ("dormouse\u2013keep", "dormouse-keep"),
        ("dormouse\u2011keep", "dormouse-keep"),
        ("dormouse-\u200bkeep", "dormouse-keep"),
        ("dormouse:keep", "dormouse-keep"),
        ("dormouse keep", "dormouse-keep"),
        ("dormouseKeep", "dormouse-keep"),
        ("DORMOUSE_SCHEDULE", "dormouse-schedule"),
        ("dormouse--idle", "dormouse-idle"),
        ("dormouse-shedule", "dormouse-schedule"),
        ("dormouse-scheduled", "dormouse-schedule"),
        ("doormouse-idel", "dormouse-idle"),
        ("dormouse-keeep", "dormouse-keep"),
        ("\uff44ormouse-idle", "dormouse-idle"),
        ("dormouse-idle\u00a0", "dormouse-idle"),
        ("dormhouse", "dormouse"),
    ],
)
def test_misspelt_tag_is_named_with_the_tag_that_was_meant(written: str, meant: str) -> None:
    (fault,) = tag_faults({written: "on"})
    assert repr(written) in fault
    assert f"did you mean {meant!r}?" in fault


@pytest.mark.parametrize(
    "written", ["dormouse-hold", "dormousehold", "dormouse-project", "doormouse-something-else", "dormouse-", "dormouse-7"]
)
def test_tag_that_begins_like_ours_and_is_unknown_is_named_with_those_that_can_be_set(written: str) -> None:
    (fault,) = tag_faults({written: ""})
    assert repr(written) in fault
    assert "dormouse-keep" in fault or "dormouse" in fault.partition("did you mean")[2]


def test_tags_that_are_known_are_no_faults_in_any_capitals() -> None:
    assert tag_faults(dict.fromkeys((*KNOWN, *(name.upper() for name in KNOWN), "Dormouse-Keep"), "x")) == []


def test_every_tag_that_is_written_on_an_environment_is_known() -> None:
    spec = WorkstationSpec(blueprint="workstation", region="westeurope", owner="ana")
    place = DeploymentTarget("0d0e5e00-0000-4000-8000-000000000001", "ml1", "operation", "secret")
    assert tag_faults(Parts(spec, place).tags) == []


@pytest.mark.parametrize(
    "name",
    ["owner", "idle", "keep", "schedule", "environment", "house", "mouse", "normal-use", "cost-center", "", " ", "door",
     "autoshutdown-schedule", "ms-resource-usage", "hidden-title", "dorm", "CreatedBy", "项目"],
)  # fmt: skip
def test_tags_of_others_are_left_alone(name: str) -> None:
    assert tag_faults({name: "on"}) == []


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=20), max_size=5))
def test_whatever_tags_there_are_each_has_at_most_one_fault_in_one_line(tags: dict[str, str]) -> None:
    faults = tag_faults(tags)
    assert len(faults) <= len(tags)
    assert all("\n" not in fault for fault in faults)
