"""Open links in a real browser: from a sleeping environment to one that is ready, and every way in which that may end."""

import pathlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, Route, expect

from local.sandbox import Ground
from tests.dashboard.browser import REPORT_BREACHES, faults_of, overflows
from tests.support import AzureSide, ControlPlane

PICTURES = pathlib.Path(__file__).resolve().parents[2] / ".screenshots"
NAME = "opened1"
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "color_scheme": "dark",
    "timezone_id": "Asia/Tokyo",
}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}


@dataclass(slots=True)
class Visit:
    """One visitor's tab: what it asked and said, and the time that passes in it only when the test says so."""

    page: Page
    api: str
    key: str
    asked: list[Request] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def open(self, name: str = NAME) -> Locator:
        """Follow the link; returns the line that says how far it is."""
        self.page.goto(f"{self.api}/open/{name}")
        return self.phase

    def sign_in(self) -> None:
        self.page.get_by_label("Function key").fill(self.key)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    @property
    def phase(self) -> Locator:
        return self.page.get_by_role("status")

    @property
    def commands(self) -> list[str]:
        """What it has sent that could change something."""
        return [request.url.removeprefix(self.api) for request in self.asked if request.method not in ("GET", "HEAD")]

    def wait(self, found: Callable[[], bool], *, seconds: int = 5) -> None:
        """Let time pass in the tab until something is so."""
        for _ in range(120):
            if found():
                return
            self.page.clock.run_for(1000 * seconds)
            self.page.wait_for_timeout(50)  # the control plane answers in real time
        raise AssertionError(f"never so: {self.phase.inner_text()}")

    def until(self, words: str) -> None:
        self.wait(lambda: words in self.phase.inner_text())

    def looked_at(self, picture: str) -> None:
        """Take a picture; axe finds nothing, nothing is cut off, and no policy was violated."""
        assert faults_of(self.page) == []
        assert not overflows(self.page)
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"open-{picture}.png", full_page=True)
        assert self.page.evaluate("breaches") == []

    def closed(self) -> None:
        """Nothing went wrong behind the scenes, and no other host was asked."""
        expected = tuple(f"the server responded with a status of {status}" for status in self.expected)
        assert [text for text in self.said if not any(each in text for each in expected)] == []
        assert [request.url for request in self.asked if not request.url.startswith((self.api, "blob:", "data:"))] == []
        assert not any(self.key in request.url for request in self.asked)


@pytest.fixture(scope="module")
def built(ground: Ground) -> Iterator[ControlPlane]:
    """A workstation that all tests of this module share; each begins with it asleep."""
    with ground.client() as client:
        plane = ControlPlane(client)
        plane.up(NAME)
        yield plane
        plane.down(NAME)


@pytest.fixture
def asleep(built: ControlPlane, azure: AzureSide) -> ControlPlane:
    if built.get(NAME)["state"] != "stopped":
        assert built.follow(built.post(NAME, "stop"))["outcome"] == "succeeded"
    return built


Tab = Callable[..., Visit]


@pytest.fixture
def tab(browser: Browser, ground: Ground) -> Iterator[Tab]:
    """Open tabs as visitors do; at the end each must be clean."""
    visits: list[tuple[BrowserContext, Visit]] = []

    def opened(screen: dict[str, Any], bearer: str = "", expected: set[int] | None = None) -> Visit:
        context = browser.new_context(**screen, accept_downloads=True)
        context.set_default_timeout(10_000)
        if bearer:  # with a token beside the key, the token decides who it is
            context.set_extra_http_headers({"Authorization": f"Bearer {bearer}"})
        page = context.new_page()
        visit = Visit(page, ground.api, ground.key, expected=expected or set())
        page.on("request", lambda request: visit.asked.append(request))  # noqa: PLW0108 - playwright marks the function
        page.on("console", lambda said: visit.said.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: visit.said.append(str(error)))
        page.add_init_script(REPORT_BREACHES)
        page.clock.install()
        visits.append((context, visit))
        return visit

    yield opened
    for context, visit in visits:
        visit.closed()
        context.close()


def last_operation(plane: ControlPlane) -> dict[str, Any]:
    page = plane.client.get("/operations", params={"environment": NAME, "limit": 1}).raise_for_status().json()
    found: dict[str, Any] = page["value"][0]
    return found


def test_the_page_says_nothing_about_any_name(ground: Ground, asleep: ControlPlane) -> None:
    pages = [httpx.get(f"{ground.api}/open/{name}", trust_env=False) for name in (NAME, "nothing-here", "-no-name-")]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert len({page.content for page in pages}) == len({page.headers["ETag"] for page in pages}) == 1
    assert "frame-ancestors 'none'" in pages[0].headers["Content-Security-Policy"]
    assert not [name for name in pages[0].headers if name.lower() == "set-cookie"]
    below = httpx.get(f"{ground.api}/open/{NAME}/", trust_env=False)
    assert [re.search(r'"([./]+)dashboard/', page.text)[1] for page in (pages[0], below)] == ["../", "../../"]  # type: ignore[index]


def test_following_a_link_starts_nothing(ground: Ground, asleep: ControlPlane, tab: Tab) -> None:
    """Previews, scanners and prefetch send GET and HEAD, some with the credentials of the user."""
    before = last_operation(asleep)["id"]
    with ground.client() as client:
        for method in ("GET", "HEAD", "OPTIONS"):
            for path in (
                f"/open/{NAME}",
                f"/open/{NAME}?start=true&next=https://evil.example",
                f"/environments/{NAME}/opening",
            ):
                assert client.request(method, path).status_code < 500
        assert client.get(f"/environments/{NAME}/open").status_code in (404, 405)
    visit = tab(DESK)
    expect(visit.open()).to_have_text(f"Sign in to open {NAME}.")
    visit.page.clock.run_for(3_600_000)
    visit.looked_at("signed-out")
    assert (visit.commands, last_operation(asleep)["id"], asleep.get(NAME)["state"]) == ([], before, "stopped")


def test_the_whole_way_on_a_phone(asleep: ControlPlane, azure: AzureSide, tab: Tab) -> None:
    visit = tab(PHONE)
    visit.open()
    visit.looked_at("phone-signed-out")
    visit.sign_in()
    expect(visit.phase).to_have_text(f"{NAME} is asleep; its computing is not billed.")
    expect(visit.page.get_by_text("0.60 USD per hour")).to_be_visible()
    expect(visit.page.get_by_text("It starts in 5 seconds.")).to_be_visible()
    visit.looked_at("phone-countdown")
    visit.page.get_by_role("button", name="Cancel").click()
    visit.page.clock.run_for(60_000)
    assert visit.commands == []

    visit.page.reload()  # as browsers do when they restore a tab: the user has not asked for anything
    expect(visit.page.get_by_role("button", name=f"Start {NAME}")).to_be_visible()
    expect(visit.page.get_by_text("It starts in")).to_be_hidden()
    visit.page.clock.run_for(3_600_000)
    assert (visit.commands, asleep.get(NAME)["state"]) == ([], "stopped")

    azure.hold_up("POST", f"vm-{NAME}/start")
    visit.page.get_by_role("button", name=f"Start {NAME}").click()
    visit.until(f"{NAME} is being started.")
    expect(visit.page.get_by_role("listitem").filter(has_text="start vm")).to_be_visible()
    expect(visit.page.get_by_role("progressbar", name="Progress")).to_be_visible()
    visit.looked_at("phone-starting")
    expect(visit.page.get_by_role("region", name="Connect")).to_be_hidden()
    visit.until(f"{NAME} is ready: it runs, and every health check has passed.")
    expect(visit.page).to_have_title(f"{NAME}: ready - Dormouse")
    visit.looked_at("phone-ready")

    assert visit.commands == [f"/environments/{NAME}/open"]
    (start,) = [request for request in visit.asked if request.method == "POST"]
    assert re.fullmatch(r"[0-9a-f-]{36}", start.headers["idempotency-key"])
    assert "cookie" not in start.headers
    trail = last_operation(asleep)
    assert (trail["verb"], trail["channel"], trail["requested_by"]) == ("start", "link", "function-key")

    ways = visit.page.get_by_role("region", name="Connect")
    address = asleep.get(NAME)["endpoints"][0]["host"]
    expect(ways.get_by_text(f"ssh azureuser@{address}")).to_be_visible()
    with visit.page.expect_download() as downloading:
        ways.get_by_role("button", name="Download .rdp file").click()
    lines = pathlib.Path(downloading.value.path()).read_text().splitlines()
    assert lines == [f"full address:s:{address}:3389", "username:s:azureuser", "prompt for credentials:i:1"]

    asleep.follow(asleep.post(NAME, "stop"))
    visit.wait(lambda: "stopped again by function-key" in visit.phase.inner_text(), seconds=60)
    asked = len(visit.asked)
    visit.wait(lambda: len(visit.asked) > asked + 1, seconds=60)  # the first of them has been answered then
    expect(visit.phase).to_contain_text("stopped again by function-key")
    expect(ways).to_be_hidden()
    expect(visit.page.get_by_text("It starts in")).to_be_hidden()
    assert len(visit.commands) == 1


def test_signing_in_starts_it_once_and_a_lost_answer_does_not_start_it_twice(asleep: ControlPlane, tab: Tab) -> None:
    visit = tab(DESK)
    visit.said = []
    lost: list[str] = []

    def lose(route: Route) -> None:
        """The control plane gets the request, and the answer is lost on its way back."""
        if lost:
            return route.continue_()
        route.fetch()
        lost.append(route.request.headers["idempotency-key"])
        return route.abort()

    visit.page.route("**/open", lose)
    visit.open()
    visit.sign_in()
    expect(visit.page.get_by_text("It starts in 5 seconds.")).to_be_visible()
    visit.page.clock.run_for(4000)
    assert visit.commands == []
    visit.page.clock.run_for(1500)
    expect(visit.phase).to_have_text("The control plane cannot be reached.")
    visit.page.get_by_role("button", name=f"Start {NAME}").click()
    visit.until("is ready")
    keys = [request.headers["idempotency-key"] for request in visit.asked if request.method == "POST"]
    assert (len(keys), set(keys)) == (2, set(lost))
    started = [
        one
        for one in asleep.client.get("/operations", params={"environment": NAME, "limit": 2}).json()["value"]
        if one["verb"] == "start"
    ]
    assert len(started) == 1
    visit.said = [text for text in visit.said if "ERR_FAILED" not in text]


def test_a_viewer_may_look_and_not_start(asleep: ControlPlane, azure: AzureSide, ground: Ground, tab: Tab) -> None:
    token = azure.client.post("/people/token", json={"name": "vera", "roles": ["viewer"]}).json()["access_token"]
    visit = tab(DESK, bearer=token)
    visit.open()
    visit.sign_in()
    expect(visit.phase).to_contain_text("is asleep")
    expect(visit.page.get_by_text("This request requires the role user; your role is viewer.")).to_be_visible()
    expect(visit.page.get_by_role("button", name=f"Start {NAME}")).to_be_hidden()
    visit.page.clock.run_for(60_000)
    visit.looked_at("viewer")
    assert visit.commands == []
    headers = {"Authorization": f"Bearer {token}", "x-functions-key": ground.key}
    forced = httpx.post(f"{ground.api}/environments/{NAME}/open", headers=headers, trust_env=False)
    assert (forced.status_code, asleep.get(NAME)["state"]) == (403, "stopped")


def test_what_is_unknown_and_what_is_forbidden_look_alike(asleep: ControlPlane, azure: AzureSide, tab: Tab) -> None:
    stranger = azure.client.post("/people/token", json={"name": "sam", "roles": []}).json()["access_token"]
    seen = []
    for name, bearer in (("nothing-here", ""), (NAME, stranger)):
        visit = tab(DESK, bearer=bearer, expected={403, 404})
        visit.open(name)
        visit.sign_in()
        expect(visit.phase).to_have_text(f"There is no environment {name} that you may open.")
        seen.append(visit.page.locator("main").aria_snapshot().replace(name, "NAME"))
        visit.looked_at("nothing")
    assert seen[0] == seen[1]


def test_a_start_that_azure_refuses_says_why_and_what_to_do(asleep: ControlPlane, azure: AzureSide, tab: Tab) -> None:
    azure.spoil(method="POST", path=f"vm-{NAME}/start", status=409, code="AllocationFailed", times=20)
    try:
        visit = tab(DESK)
        visit.open()
        visit.sign_in()
        visit.page.get_by_role("button", name=f"Start {NAME}").click()
        visit.wait(lambda: visit.page.get_by_role("heading", name="The last start ended: failed").is_visible())
    finally:
        azure.behave()
    visit.until("is asleep")  # the operation has ended a moment before its environment is said to be asleep again
    refusal = visit.page.get_by_role("region", name="The last start ended")
    expect(refusal).to_contain_text("Azure has no capacity for this VM size now; retry later, or choose another size")
    expect(visit.page.get_by_role("button", name=f"Start {NAME}")).to_be_visible()
    visit.looked_at("refused")
    assert len(visit.commands) == 1


def test_what_booted_elsewhere_or_failed_its_checks_is_not_called_ready(
    asleep: ControlPlane, azure: AzureSide, tab: Tab
) -> None:
    azure.next_boot_loses(NAME, "desktop")
    assert asleep.follow(asleep.post(NAME, "open"))["outcome"] == "unhealthy"
    visit = tab(DESK)
    visit.open()
    visit.sign_in()
    expect(visit.phase).to_contain_text("its last health checks failed")
    expect(visit.page.get_by_text("(not checked since it booted)").first).to_be_visible()
    expect(visit.page.get_by_text("xrdp").first).to_be_visible()
    visit.looked_at("unhealthy")
    azure.next_boot_loses(NAME)


def test_a_key_that_is_not_valid_any_more_leads_back_to_the_sign_in(asleep: ControlPlane, tab: Tab) -> None:
    visit = tab(DESK, expected={401, 503})
    visit.key = "not-a-key"
    visit.open()
    visit.sign_in()
    expect(visit.phase).to_have_text("Your sign-in is not valid or has ended. Sign in again.")
    visit.looked_at("signed-out-again")
    asked = len(visit.asked)
    visit.page.clock.run_for(3_600_000)
    assert len(visit.asked) == asked, "it stops asking"


def test_an_unavailable_control_plane_is_asked_again_less_and_less_often(asleep: ControlPlane, tab: Tab) -> None:
    visit = tab(DESK, expected={503})
    down = {"code": "cloud_unavailable", "detail": "Azure did not answer; retry.", "status": 503}
    visit.page.route("**/opening", lambda route: route.fulfill(status=503, json=down))
    visit.open()
    visit.sign_in()
    expect(visit.phase).to_have_text("Azure did not answer; retry.")
    visit.looked_at("unavailable")
    for _ in range(180):
        visit.page.clock.run_for(10_000)
    answers: list[Response | None] = [one.response() for one in visit.asked if one.url.endswith("/opening")]
    assert 5 <= len(answers) <= 14, "half an hour"
    visit.page.unroute("**/opening")
    visit.page.get_by_role("button", name="Try again").click()
    expect(visit.phase).to_contain_text("is asleep")
    assert visit.commands == []
