"""Snooze links: what is not one of ours is recognized before anything is looked up."""

import base64

import pytest

from dormouse.idle.snooze import read_link, snooze_link

KEY = "0d0e5e00-0000-4000-8000-000000000001:grp-(ä)_1:vm.1"


def packed(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def test_a_link_names_its_machine() -> None:
    link = snooze_link("https://dormouse.example/api", KEY, "s3cret_-")
    assert read_link(link.rpartition("/")[2]) == (KEY, "s3cret_-")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "x",
        f"{packed('a:b')}.x",
        f"{packed('a:b:c:d')}.x",
        f"{packed(KEY.upper())}.x",
        f"{packed('0d0e5e00:g:a/b')}.x",
        f"{packed('0d0e5e00:g:..')}.x",
        f"{packed('0d0e5e00:..:vm')}.x",
        f"{packed('0d0e5e00:g#:vm')}.x",
        f"{packed(KEY)}.",
        f"{packed(KEY)}.a b",
        f"{packed(KEY)}.é",
        f"{packed(KEY)}.\ud800",
        f"{packed(KEY)}.{'x' * 100}",
        f"{packed(KEY)}!.x",
        "é.x",
        "\ud800.x",
    ],
)
def test_any_other_text_is_not_a_link(text: str) -> None:
    with pytest.raises(ValueError, match="not a snooze link"):
        read_link(text)
