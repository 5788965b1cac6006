import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.blueprints.catalog import plan_for
from dormouse.idle.tags import KNOWN, tag_faults
from tests.unit.builders import target, workstation_spec


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
def test_a_misspelt_tag_is_reported_with_the_intended_tag(written: str, meant: str) -> None:
    (fault,) = tag_faults({written: "on"})
    assert repr(written) in fault
    assert f"did you mean {meant!r}?" in fault


SETTABLE = "valid tags: dormouse-idle, dormouse-keep, dormouse-schedule"


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("dormouse-hold", "did you mean 'dormouse-idle'?"),
        ("dormousehold", "did you mean 'dormouse-idle'?"),
        ("dormouse-own", "did you mean 'dormouse-owner'?"),
        ("dormouse-", "did you mean 'dormouse'?"),
        ("dormhouse-x", "did you mean 'dormouse'?"),
        ("dormouse-i", "did you mean 'dormouse-idle'?"),
        ("dormouse-k", "did you mean 'dormouse-keep'?"),
        ("dormouse-7", SETTABLE),
        ("dormouse-ab", SETTABLE),
        ("dormouse-project", SETTABLE),
        (" doormouse-something-else", SETTABLE),
    ],
)
def test_an_unknown_tag_that_begins_like_ours_is_named_with_the_nearest_or_all_valid_tags(written: str, hint: str) -> None:
    assert tag_faults({written: ""}) == [f"unknown tag {written!r} ({hint})"]


def test_the_faults_of_several_tags_are_sorted_by_name() -> None:
    faults = tag_faults({"dormouse-idel": "", "owner": "", "dormose-keep": "", "dormouse-zzz": ""})
    assert [fault.split("'")[1] for fault in faults] == ["dormose-keep", "dormouse-idel", "dormouse-zzz"]


def test_known_tags_are_accepted_in_any_case() -> None:
    assert tag_faults(dict.fromkeys((*KNOWN, *(name.upper() for name in KNOWN), "Dormouse-Keep"), "x")) == []


def test_every_tag_of_an_environment_is_known() -> None:
    written = [one.body["tags"] for one in plan_for(workstation_spec(), target()).resources if "tags" in one.body]
    assert written
    assert all(tag_faults(tags) == [] for tags in written)


@pytest.mark.parametrize(
    "name",
    ["owner", "idle", "keep", "schedule", "environment", "house", "mouse", "normal-use", "cost-center", "", " ", "door",
     "autoshutdown-schedule", "ms-resource-usage", "hidden-title", "dorm", "CreatedBy", "项目"],
)  # fmt: skip
def test_foreign_tags_are_ignored(name: str) -> None:
    assert tag_faults({name: "on"}) == []


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=20), max_size=5))
def test_each_tag_has_at_most_one_error_on_one_line(tags: dict[str, str]) -> None:
    faults = tag_faults(tags)
    assert len(faults) <= len(tags)
    assert all("\n" not in fault for fault in faults)
