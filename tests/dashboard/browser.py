"""Debian's Chromium, driven by Playwright: pages that collect every error, every breach of the policy and every request."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
# Only this computer can be reached. Chromium has no sandbox for root, whom CI runs as.
ARGUMENTS = [
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost",
]
AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
REPORT_BREACHES = (
    "window.breaches = []; document.addEventListener('securitypolicyviolation', "
    "(event) => breaches.push(`${event.violatedDirective} ${event.blockedURI}`));"
)
KEY = "sessionStorage.setItem('dormouse-key', {key!r});"


@dataclass(slots=True)
class Seen:
    """What a page did that no user sees: requests, messages of the console, uncaught errors."""

    requests: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def open(self) -> int:
        """How many requests wait for their answers."""
        return len(self.requests) - len(self.answered)

    def calls(self, part: str) -> int:
        """How many requests had this part in their URL."""
        return sum(part in url for url in self.requests)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; it is never downloaded."""
    os.environ["PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextlib.contextmanager
def tabs(browser: Browser, *allowed: str) -> Iterator[Callable[..., tuple[Page, Seen]]]:
    """Opens pages; errors, breaches, and requests to URLs that do not begin with what is allowed fail at the end."""
    contexts = []

    def open_tab(url: str, *, key: str = "", before: Any = None, **options: Any) -> tuple[Page, Seen]:
        context, page, seen = opened(browser, key, **options)
        contexts.append((context, page, seen))
        if before:
            before(page)
        page.goto(url)
        return page, seen

    yield open_tab
    for context, page, seen in contexts:
        breaches = page.evaluate("breaches")
        context.close()
        assert not breaches
        assert not seen.errors
        assert not [url for url in seen.requests if not url.startswith(allowed)]


def opened(browser: Browser, key: str = "", **options: Any) -> tuple[BrowserContext, Page, Seen]:
    """A page of its own with nothing loaded; with a key, the user has signed in."""
    desktop = {"width": 1280, "height": 900}
    usual = {"viewport": desktop, "timezone_id": "Europe/Warsaw", "locale": "en-GB"}
    context = browser.new_context(**{**usual, **options})
    context.set_default_timeout(15_000)
    context.add_init_script(REPORT_BREACHES)
    if key:
        context.add_init_script(f"if (!sessionStorage.getItem('left')) {KEY.format(key=key)}")
    page, seen = context.new_page(), Seen()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("requestfinished", lambda request: seen.answered.append(request.url))
    page.on("requestfailed", lambda request: seen.answered.append(request.url))
    page.on("console", lambda message: seen.errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    return context, page, seen


def faults_of(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is now."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)["violations"]
    return [f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found]


def overflows(page: Page) -> bool:
    """Whether the page is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
