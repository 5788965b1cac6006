"""`python -m tests.dashboard.screenshots`: the dashboard in light and dark, on a phone, empty, signed out and in trouble."""

import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from local.sandbox import temporary_ground
from tests.dashboard.browser import chromium, opened
from tests.dashboard.stage import building, staged

FOLDER = Path(__file__).resolve().parents[2] / ".screenshots"
EXPIRED = {"detail": "The token has expired."}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


def main() -> None:
    """Write every picture into the folder `.screenshots`, which git ignores."""
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser, staged() as ground, building(ground, "ml2"):
        looks: dict[str, dict[str, object]] = {
            "light": {"color_scheme": "light"},
            "dark": {"color_scheme": "dark"},
            "phone": {**PHONE, "color_scheme": "light"},
            "phone-dark": {**PHONE, "color_scheme": "dark"},
        }
        for name, options in looks.items():
            context, page, _ = opened(browser, ground.key, **options)
            page.goto(f"{ground.api}/dashboard{'?search=research' if 'phone' in name else ''}")
            expect(page.locator(".row.busy")).to_be_visible()
            trainer = page.locator(".row.busy details.more").first
            trainer.locator("summary").first.click(timeout=5000)
            expect(page.locator("figure").first).to_be_visible()
            _write(page, name)
            _write(page, f"{name}-top", full=False)
            if name == "light":
                page.get_by_role("button", name="Stop ml1").click()
                _write(page, "confirm", full=False)
                page.keyboard.press("Escape")
                page.route("**/api/overview*", lambda route: route.fulfill(status=401, json=EXPIRED))
                page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
                expect(page.locator("#notice")).to_contain_text("Sign in again")
                _write(page, "signed-out-again", full=False)
            context.close()
        context, page, _ = opened(browser)
        page.goto(f"{ground.api}/dashboard")
        _write(page, "sign-in", full=False)
        context.close()
        context, page, _ = opened(browser, ground.key)
        page.route("**/api/overview*", lambda route: route.fulfill(status=503, json={"detail": "Azure is not available."}))
        page.goto(f"{ground.api}/dashboard")
        _write(page, "error", full=False)
        context.close()
    with chromium() as browser, temporary_ground(speed=100, timers=False) as ground:
        context, page, _ = opened(browser, ground.key)
        page.goto(f"{ground.api}/dashboard")
        expect(page.get_by_text("There is nothing here yet.")).to_be_visible()
        _write(page, "empty")
        context.close()


def _write(page: Page, name: str, *, full: bool = True) -> None:
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(200)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, full_page=full, clip=None)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
