"""Sign-in with Microsoft Entra in the browser: authorization code with PKCE, roles, renewal, and how it ends."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from local.sandbox import Ground
from tests.dashboard.browser import Seen, faults_of, tabs
from tests.dashboard.conftest import Open, settle, until
from tests.dashboard.stage import staged_with_entra
from tests.support import ControlPlane

PEOPLE = {"vera": ["viewer"], "uma": ["user"], "oscar": ["operator"], "sam": []}
STORED = "JSON.stringify({...sessionStorage, ...localStorage})"

SignIn = Callable[..., tuple[Page, Seen]]


@dataclass(frozen=True, slots=True)
class Stage:
    """A control plane to which users sign in with Entra."""

    ground: Ground
    client: httpx.Client
    simulation: httpx.Client

    @property
    def api(self) -> str:
        return self.ground.api

    @property
    def authority(self) -> str:
        return self.ground.app_environment["ENTRA_AUTHORITY_URL"]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged_with_entra() as (ground, client, simulation):
        for name, roles in PEOPLE.items():
            simulation.put("/people", json={"name": name, "roles": roles}).raise_for_status()
        yield Stage(ground, client, simulation)


@pytest.fixture
def tab(browser: Browser, stage: Stage) -> Iterator[Open]:
    """Opens a page that is signed out. Errors, breaches, and requests to others than API and Entra fail the test."""
    with tabs(browser, stage.api, stage.authority, "data:") as open_tab:
        yield lambda path="dashboard", **options: open_tab(f"{stage.api}/{path}", ignore_https_errors=True, **options)


@pytest.fixture
def sign_in(tab: Open) -> SignIn:
    def signed_in(name: str, path: str = "dashboard", **options: Any) -> tuple[Page, Seen]:
        page, seen = tab(path, **options)
        page.get_by_role("button", name="Sign in with Microsoft").click()
        page.get_by_label("Account").fill(name)
        page.get_by_role("button", name="Sign in").click()
        return page, seen

    return signed_in


def test_a_viewer_sees_everything_and_is_offered_nothing(sign_in: SignIn, stage: Stage) -> None:
    sent: list[dict[str, str]] = []

    def note(page: Page) -> None:
        page.on("request", lambda request: sent.append(request.headers) if "/api/overview" in request.url else None)

    page, seen = sign_in("vera", "dashboard?search=ml1", before=note)
    expect(page.locator("#who")).to_have_text("vera · viewer")
    expect(page.locator("#rows > li").first).to_be_visible()
    assert page.locator("#rows button, #sweep button, #running button").count() == 0
    assert page.url == f"{stage.api}/dashboard?search=ml1", "the code has left the address"
    assert all("x-functions-key" not in headers for headers in sent)
    token = sent[-1]["authorization"].removeprefix("Bearer ")
    assert token.count(".") == 2
    assert token not in page.evaluate(STORED), "the access token stays in memory"
    assert page.context.cookies(stage.api) == []
    assert not [url for url in seen.requests if url.startswith(stage.api) and ("code=" in url or token in url)]
    page.reload()
    expect(page.locator("#who")).to_have_text("vera · viewer")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
    assert faults_of(page) == []


def test_an_operator_acts_under_their_own_name(sign_in: SignIn, stage: Stage) -> None:
    page, _ = sign_in("oscar", "dashboard?search=ml1")
    page.get_by_role("button", name="Keep awake 2 h ml1").click()
    expect(page.get_by_role("status")).to_contain_text("ml1 is kept awake until")
    expect(page.locator("#rows > li").first).to_contain_text("Hold of oscar until")


def test_a_user_is_not_offered_what_belongs_to_others(sign_in: SignIn) -> None:
    page, _ = sign_in("uma", "dashboard?search=ml1")
    expect(page.locator("#rows > li")).to_have_count(1)
    assert page.locator("#rows button").count() == 0


def test_who_has_no_role_is_told_so_and_can_sign_in_as_another(sign_in: SignIn) -> None:
    page, seen = sign_in("sam")
    expect(page.get_by_role("alert")).to_contain_text("requires the role viewer; your role is none. Ask an admin for a role")
    expect(page.get_by_role("button", name="Sign in with Microsoft")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert faults_of(page) == []
    seen.errors.clear()  # the browser reports the 403


def test_a_token_is_renewed_before_it_ends_and_an_ended_session_asks_for_a_sign_in(sign_in: SignIn, stage: Stage) -> None:
    page, seen = sign_in("vera", "dashboard?search=ml1", before=lambda page: page.clock.install())
    expect(page.locator("#rows > li")).to_have_count(1)
    assert seen.calls("/oauth2/v2.0/token") == 1
    settle(page, seen)
    page.clock.fast_forward(3_550_000)
    until(lambda: seen.calls("/oauth2/v2.0/token") == 2, page)
    expect(page.locator("#notice")).to_be_empty()
    stage.simulation.post("/people/revoke", json={"name": "vera"}).raise_for_status()
    settle(page, seen)
    page.clock.fast_forward(3_550_000)
    expect(page.get_by_role("alert")).to_contain_text("Sign in again. What is shown is as of")
    assert page.evaluate("sessionStorage.length") == 0
    before = len(seen.requests)
    settle(page, seen)
    page.clock.fast_forward(3_550_000)
    page.wait_for_timeout(100)
    assert len(seen.requests) == before, "nothing is asked any more"
    seen.errors.clear()  # of the refusals


def test_entra_out_of_reach_ends_no_session(sign_in: SignIn, stage: Stage) -> None:
    page, seen = sign_in("vera", "dashboard?search=ml1", before=lambda page: page.clock.install())
    expect(page.locator("#rows > li")).to_have_count(1)
    page.route("**/oauth2/v2.0/token", lambda route: route.fulfill(status=503, body="down"))
    settle(page, seen)
    page.clock.fast_forward(3_550_000)
    until(lambda: seen.calls("/oauth2/v2.0/token") == 2, page)
    page.unroute("**/oauth2/v2.0/token")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: seen.calls("/oauth2/v2.0/token") == 3, page)
    expect(page.locator("#notice")).to_be_empty()
    seen.errors.clear()


def test_a_cancelled_sign_in_says_so(tab: Open, stage: Stage) -> None:
    page, seen = tab()
    page.get_by_role("button", name="Sign in with Microsoft").click()
    assert page.url.startswith(f"{stage.authority}/")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("Microsoft Entra: AADSTS65004")
    assert seen.calls("/oauth2/v2.0/token") == 0
    assert page.url == f"{stage.api}/dashboard"


@pytest.mark.parametrize("fragment", ["code=abc&state=forged", "error=access_denied&state=forged"])
def test_an_answer_to_a_sign_in_of_another_tab_is_not_used(tab: Open, fragment: str) -> None:
    page, seen = tab(f"dashboard#{fragment}")
    expect(page.get_by_role("alert")).to_have_text("This sign-in was not begun in this tab. Sign in again.")
    assert seen.calls("/oauth2/v2.0/token") == 0
    assert "forged" not in page.url


def test_an_open_link_returns_from_entra_and_starts_what_sleeps(sign_in: SignIn, stage: Stage) -> None:
    client, plane = stage.client, ControlPlane(stage.client)
    if plane.get("ml1")["state"] == "running":
        plane.follow(plane.post("ml1", "stop"))
    page, seen = sign_in("vera", "open/ml1")
    expect(page.get_by_role("status")).to_contain_text("ml1 is asleep")
    assert page.url == f"{stage.api}/open/ml1"
    expect(page.get_by_text("This request requires the role user; your role is viewer.")).to_be_visible()
    page, seen = sign_in("oscar", "open/ml1", before=lambda page: page.clock.install())
    expect(page.get_by_text(re.compile("It starts in [45] seconds."))).to_be_visible()
    page.clock.run_for(6000)
    expect(page.get_by_role("status")).to_contain_text(re.compile("ml1 (is being started|runs)"))
    assert seen.calls("/environments/ml1/open") >= 1
    trail = client.get("/operations?environment=ml1&limit=1").json()["value"][0]
    assert (trail["verb"], trail["channel"], trail["requested_by"]) == ("start", "link", "oscar")
    plane.wait(trail["id"])
