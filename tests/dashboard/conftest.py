"""One ground and one browser for all tests of the page; every test has a tab of its own, which must leave no complaint."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from local.sandbox import Ground
from tests.conftest import unchecked
from tests.dashboard.browser import CHROMIUM, Seen, chromium, tabs
from tests.dashboard.stage import staged

Open = Callable[..., tuple[Page, Seen]]


@pytest.fixture(scope="package")
def stage() -> Iterator[Ground]:
    with staged() as ground:
        yield ground


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        unchecked("chromium", "that the pages work in a browser (Debian, Ubuntu: apt install chromium)")
    with chromium() as running:
        yield running


@pytest.fixture
def tab(browser: Browser, stage: Ground) -> Iterator[Open]:
    """Opens the dashboard, signed in by key unless told otherwise. Errors, breaches and foreign requests fail the test."""
    with tabs(browser, stage.api) as open_tab:

        def dashboard(path: str = "", *, key: str | None = None, **options: Any) -> tuple[Page, Seen]:
            return open_tab(f"{stage.api}/dashboard{path}", key=stage.key if key is None else key, **options)

        yield dashboard


def until(holds: Callable[[], bool], page: Page) -> None:
    """Wait until something holds, while the page goes on."""
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def settle(page: Page, seen: Seen) -> None:
    """Wait until every request has been answered, and the page has planned the next one; its clock stands still."""
    until(lambda: seen.open == 0, page)
    page.wait_for_timeout(20)
