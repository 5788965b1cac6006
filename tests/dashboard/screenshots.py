"""`python -m tests.dashboard.screenshots`: the dashboard in light and dark, on a phone, and in every state."""

import base64
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from local.sandbox import Ground, temporary_ground
from tests.dashboard.browser import chromium, opened
from tests.dashboard.stage import building, staged
from tests.support import ControlPlane

FOLDER = Path(__file__).resolve().parents[2] / ".screenshots"
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {**PHONE, "color_scheme": "light"},
    "phone-dark": {**PHONE, "color_scheme": "dark"},
}
# A picture as text: the repository contains no binary files.
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" aria-label="The dashboard">
<image width="{width}" height="{height}" href="data:image/jpeg;base64,{picture}"/>
</svg>
"""
FORBIDDEN = {"detail": "This request requires the role viewer; your role is none."}
EXPIRED, AWAY = {"detail": "The token has expired."}, {"detail": "Azure is not available."}


def main() -> None:
    """Write every picture into the folder `.screenshots`, which git ignores."""
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser:
        with staged() as ground:
            with building(ground, "ml2"):
                _looks(browser, ground)
            _states(browser, ground)
            _open_link(browser, ground)
        with temporary_ground(speed=100, timers=False) as ground, _page(browser, ground) as page:
            expect(page.get_by_text("There is nothing here yet.")).to_be_visible()
            _write(page, "empty")


def _looks(browser: Browser, ground: Ground) -> None:
    """The whole page beside an operation that runs, with the evidence of one machine open; a question before a stop."""
    for name, options in LOOKS.items():
        with _page(browser, ground, "?search=research" if "phone" in name else "", **options) as page:
            page.locator(".row.busy details.more").first.locator("summary").first.click()
            expect(page.locator("figure").first).to_be_visible()
            expect(page.locator("#costs table")).to_be_visible()
            _write(page, name)
            _write(page, f"{name}-top", full=False)
            if name == "light":
                _write_svg(page)
                page.get_by_role("button", name="Stop ml1").click()
                _write(page, "confirm", full=False)


def _states(browser: Browser, ground: Ground) -> None:
    """Loading, not allowed, out of reach from the beginning and later, signed out, and a session that has ended."""
    with _page(browser, ground, before=lambda page: page.route("**/api/overview*", lambda route: None)) as page:
        _write(page, "loading", full=False)
    for name, status, body in (("forbidden", 403, FORBIDDEN), ("error", 503, AWAY)):

        def refuse(page: Page, status: int = status, body: dict[str, str] = body) -> None:
            page.route("**/api/overview*", lambda route: route.fulfill(status=status, json=body))

        with _page(browser, ground, before=refuse) as page:
            expect(page.locator("#notice")).not_to_be_empty()
            _write(page, name, full=False)
    with _page(browser, ground, key="") as page:
        _write(page, "sign-in", full=False)
    with _page(browser, ground, before=lambda page: page.clock.install()) as page:
        expect(page.locator(".row").first).to_be_visible()
        page.route("**/api/overview*", lambda route: route.fulfill(status=503, json=AWAY))
        for _ in range(80):
            page.clock.run_for(10_000)
            page.wait_for_timeout(20)
        expect(page.locator("#notice")).to_contain_text("may be old")
        _write(page, "stale", full=False)
        page.unroute("**/api/overview*")
        page.route("**/api/overview*", lambda route: route.fulfill(status=401, json=EXPIRED))
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("#notice")).to_contain_text("Sign in again")
        _write(page, "signed-out-again", full=False)


def _open_link(browser: Browser, ground: Ground) -> None:
    """An open link: the question for a sign-in, the countdown of a sleeping environment, and the ways in."""
    with ground.client() as client:
        plane = ControlPlane(client)
        plane.follow(plane.post("ml1", "stop"))
    with _page(browser, ground, "/../open/ml1", key="", **PHONE) as page:
        _write(page, "open-sign-in", full=False)
        page.get_by_label("Function key").fill(ground.key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("It starts in")).to_be_visible()
        _write(page, "open-asleep", full=False)
        expect(page.get_by_text("is ready")).to_be_visible(timeout=60_000)
        _write(page, "open-ready")


@contextlib.contextmanager
def _page(
    browser: Browser, ground: Ground, path: str = "", *, key: str | None = None, before: Any = None, **options: Any
) -> Iterator[Page]:
    context, page, _ = opened(browser, ground.key if key is None else key, **options)
    if before:
        before(page)
    page.goto(f"{ground.api}/dashboard{path}")
    yield page
    context.close()


def _write(page: Page, name: str, *, full: bool = True) -> None:
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(200)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, full_page=full)
    sys.stdout.write(f"{path}\n")


def _write_svg(page: Page) -> None:
    """The picture in README, which is copied from there to `docs` by hand when the page looks different."""
    page.evaluate("document.querySelector('#list-title').scrollIntoView()")
    picture = page.screenshot(type="jpeg", quality=60)
    size = page.viewport_size or {"width": 1280, "height": 900}
    path = FOLDER / "dashboard.svg"
    path.write_text(SVG.format(**size, picture=base64.b64encode(picture).decode()))
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
