"""Selections page through every item that was asked for exactly once, in order, whatever appears or goes in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.errors import InvalidRequest
from dormouse.services.lists.selection import Entry, Selection, page_of

ITEMS = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.none() | st.integers(0, 4), max_size=30)


def entries(items: dict[str, int | None]) -> list[Entry[str]]:
    return [Entry(value, key, key) for key, value in items.items()]


def every_page(items: dict[str, int | None], sort: str, limit: int) -> list[str]:
    found: list[str] = []
    after, last = "", "-"
    while after != last:
        last = after
        page = page_of(entries(items), sort, limit=limit, after=after)
        assert page.total == len(items)
        found += page.items
        if not (after := page.after):
            return found
    return found


@given(ITEMS, st.sampled_from(["size", "-size"]), st.integers(1, 7))
def test_pages_hold_every_item_once_and_in_order(items: dict[str, int | None], sort: str, limit: int) -> None:
    sign = -1 if sort.startswith("-") else 1
    expected = sorted(items, key=lambda key: (items[key] is None, sign * (items[key] or 0), key))
    assert every_page(items, sort, limit) == expected


@given(ITEMS, st.sampled_from(["size", "-size"]), st.data())
def test_what_goes_between_two_pages_hides_no_other_item(
    items: dict[str, int | None], sort: str, data: st.DataObject
) -> None:
    first = page_of(entries(items), sort, limit=3, after="")
    gone = data.draw(st.sets(st.sampled_from(sorted(items)) if items else st.nothing()))
    left = {key: value for key, value in items.items() if key not in gone}
    if first.after:
        rest = page_of(entries(left), sort, limit=100, after=first.after)
        assert {*first.items, *rest.items} >= left.keys()
        assert not {*first.items} & {*rest.items}


@pytest.mark.parametrize(
    "after",
    ["x", "[]", '["size", 1]', '["-size", 1, "a"]', '["size", [1], "a"]', '["size", 1, 2]', '["size", "x", "a"]', "{}"],
)
def test_a_cursor_of_another_list_is_refused(after: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        page_of(entries({"a": 1, "b": 2}), "size", limit=1, after=after)


def test_filters_allow_any_of_their_values_and_search_ignores_case() -> None:
    selection = Selection({"owner": ("alice", "bob"), "state": ("running",)}, "GPU")
    alice = {"owner": "Alice", "state": "running"}
    assert selection.allows(alice.get, ["my-gpu"])
    assert not selection.allows(alice.get, ["desk", None])
    assert not selection.allows({**alice, "state": "stopped"}.get, ["my-gpu"])
    assert not selection.allows({"state": "running"}.get, ["my-gpu"])
