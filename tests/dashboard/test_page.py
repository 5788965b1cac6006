"""The real page in Chromium, against the embedded host and the simulated Azure: what it shows, and what it does."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from local.sandbox import Ground
from tests.dashboard.browser import faults_of, overflows
from tests.dashboard.conftest import Open, settle, until
from tests.dashboard.stage import building, sweep
from tests.support import ControlPlane

PHONE = {"viewport": {"width": 320, "height": 700}, "is_mobile": True, "has_touch": True}
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def rows(page: Page) -> Any:
    return page.locator("#rows > li")


def row(page: Page, name: str) -> Any:
    return rows(page).filter(has=page.locator("h3", has_text=re.compile(f"^{re.escape(name)}$")))


def changed_overview(change: Any) -> Any:
    """Lets the API answer, and changes the answer."""

    def handle(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        change(body)
        route.fulfill(response=answer, body=json.dumps(body))

    return lambda page: page.route("**/api/overview*", handle)


def test_it_says_why_each_machine_is_awake_and_what_is_next(tab: Open) -> None:
    page, _ = tab()
    expect(row(page, "trainer")).to_contain_text("In use: GPU at")
    expect(row(page, "trainer").locator(".peaks .over").first).to_contain_text("keeps it awake")
    expect(row(page, "held")).to_contain_text("demo at three")
    expect(row(page, "held").locator(".next")).to_contain_text("Hold ends")
    expect(row(page, "silent")).to_contain_text("no agent reports its GPU usage")
    expect(row(page, "halted")).to_contain_text("Off, but billed")
    expect(row(page, "ml1").locator(".next")).to_contain_text(re.compile(r"Looked at again (in \d|at the next sweep)"))
    expect(page.locator("#as-of")).to_have_text(re.compile(r"As of \d\d:\d\d:\d\d CET"))
    expect(page.locator("#trail")).to_contain_text("function-key · function key")
    expect(page.locator("#sweep")).to_contain_text("Machines in scope")


def test_minutes_are_drawn_with_a_sentence_and_a_table(tab: Open) -> None:
    page, seen = tab("?search=trainer")
    row(page, "trainer").locator("summary").first.click()
    picture = page.get_by_role("img", name=re.compile(r"GPU in 2 h: at most \d+ %, last \d+ %, limit 5 %"))
    expect(picture).to_be_visible()
    page.get_by_text("As a table").click()
    expect(page.locator(".minutes tbody tr")).to_have_count(12)
    expect(page.locator(".minutes tbody tr").last).to_contain_text("%")
    assert seen.calls("/machines/evidence") == 1


def test_filter_sort_and_pages_are_those_of_the_api(tab: Open) -> None:
    page, seen = tab()
    expect(rows(page)).to_have_count(25)
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#count")).to_contain_text("26 to 50 of 128")
    page.get_by_role("button", name="Previous page").click()
    expect(page.locator("#count")).to_contain_text("1 to 25 of 128")
    page.get_by_label("Search").fill("desk-012")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Search").fill("")
    page.locator("[data-verdict=busy]").click()
    expect(rows(page)).to_have_count(1)
    expect(page.locator("[data-verdict=busy]")).to_have_attribute("aria-pressed", "true")
    assert "verdict=busy" in page.url
    page.locator("[data-verdict='']").click()
    page.get_by_label("Sort by").select_option("name")
    expect(rows(page).first).to_contain_text("desk-0001")
    page.get_by_label("Search").fill("nothing-like-this")
    expect(rows(page)).to_contain_text(["Nothing matches."])
    page.get_by_role("button", name="Show all").click()
    expect(rows(page)).to_have_count(25)
    assert seen.calls("/api/environments") == seen.calls("/api/machines/") == 0  # one question for the page


def test_hold_stop_and_start_are_done_by_the_api(tab: Open, stage: Ground) -> None:
    page, _ = tab("?search=ml1")
    ml1 = row(page, "ml1")
    ml1.get_by_role("button", name="Hold ml1").click()
    page.get_by_label("For", exact=True).select_option("4h")
    page.get_by_label("Reason").fill("a long run")
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("ml1 is kept awake until")
    expect(ml1).to_contain_text("a long run")
    with stage.client() as client:
        assert client.get("/environments/ml1").json()["hold"]["reason"] == "a long run"
        ml1.get_by_role("button", name="End hold ml1").click()
        expect(page.get_by_role("status")).to_contain_text("The hold on ml1 has ended")
        assert client.get("/environments/ml1").json()["hold"] is None

        ml1.get_by_role("button", name="Stop ml1").click()
        expect(page.get_by_role("dialog")).to_contain_text("ml1 is running.")
        page.keyboard.press("Escape")
        expect(ml1.get_by_role("button", name="Stop ml1")).to_be_focused()
        assert client.get("/environments/ml1").json()["operation"] is None
        ml1.get_by_role("button", name="Stop ml1").click()
        page.get_by_role("button", name="Stop it now").click()
        expect(page.get_by_role("status")).to_contain_text("Stop of ml1 was accepted.")
        until(lambda: client.get("/environments/ml1").json()["state"] == "stopped", page)
        trail = client.get("/operations?environment=ml1&limit=1").json()["value"][0]
        assert (trail["verb"], trail["channel"]) == ("stop", "function key")
        sweep(client)

        page.reload()
        expect(ml1).to_contain_text("Asleep")
        ml1.get_by_role("link", name="Open ml1").click()
        expect(page.get_by_role("status")).to_contain_text("ml1 is asleep")
        assert page.url == f"{stage.api}/open/ml1"
        page.go_back()
        ml1.get_by_role("button", name="Start ml1").click()
        expect(page.get_by_role("status")).to_contain_text("Start of ml1 was accepted.")
        until(lambda: client.get("/environments/ml1").json()["state"] == "running", page)
        ControlPlane(client).wait(client.get("/operations?environment=ml1&limit=1").json()["value"][0]["id"])


def test_a_lease_is_extended_by_a_day_and_keeps_what_it_does(tab: Open, stage: Ground) -> None:
    with stage.client() as client:
        client.post("/environments/ml1/extend", json={"for": "3d", "then": "delete"}).raise_for_status()
        page, _ = tab("?search=ml1")
        expect(row(page, "ml1").locator(".next")).to_contain_text("Is deleted in 3 days")
        row(page, "ml1").get_by_role("button", name="Extend lease by 1 day ml1").click()
        expect(page.get_by_role("status")).to_contain_text("The lease on ml1 now ends at")
        expect(row(page, "ml1").locator(".next")).to_contain_text("Is deleted in 4 days")
        assert client.get("/environments/ml1").json()["lease"]["then"] == "delete"
        client.post("/environments/ml1/extend", json={"for": 0}).raise_for_status()


def test_a_hold_is_made_with_the_keyboard_alone(tab: Open, stage: Ground) -> None:
    page, _ = tab("?search=forgotten")
    expect(rows(page)).to_have_count(1)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Hold forgotten":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_label("For", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("forgotten is kept awake until")
    expect(row(page, "forgotten")).to_contain_text(": by hand")
    expect(page.get_by_role("button", name="Hold forgotten", exact=True)).to_be_focused()


def test_a_sweep_that_only_looks_is_begun(tab: Open) -> None:
    page, _ = tab()
    page.get_by_role("button", name="Sweep without acting").click()
    expect(page.get_by_role("status")).to_contain_text("A sweep that only looks has begun")


def test_a_machine_outside_environments_is_held_too(tab: Open, stage: Ground) -> None:
    page, _ = tab("?search=silent")
    row(page, "silent").get_by_role("button", name="Keep awake 2 h silent").click()
    expect(page.get_by_role("status")).to_contain_text("silent is kept awake until")


def test_a_running_operation_is_drawn_beside_its_critical_path(tab: Open, stage: Ground) -> None:
    with building(stage, "ml3"):
        page, _ = tab("?search=ml3")
        bars = page.locator("#running .gantt > li")
        expect(bars.filter(has_text="vm").first).to_contain_text("so far")
        expect(page.locator("#running .critical").last).to_contain_text("on the critical path")
        assert 5 <= bars.count() <= 200
        expect(row(page, "ml3")).to_contain_text("Busy: provision is running.")
        widths = page.locator("#running .gantt rect.bar").evaluate_all("all => all.map(one => +one.getAttribute('width'))")
        assert all(0 < width <= 100.6 for width in widths)
        page.get_by_role("button", name="Cancel… provision of ml3").click()
        page.get_by_role("button", name="Cancel and roll back").click()
        expect(page.get_by_role("status")).to_contain_text("Cancelling provision of ml3.")


def test_long_waits_are_compressed_and_many_steps_are_cut(tab: Open) -> None:
    step = {"state": "done", "needs": [], "duration_seconds": 1}
    steps = [{**step, "name": f"s{n}", "began_seconds": n, "ended_seconds": n + 1} for n in range(300)]
    steps.append({**steps[0], "name": "late", "needs": ["s299"], "began_seconds": 40_000, "ended_seconds": 40_100})

    def long(body: dict[str, Any]) -> None:
        view = {"id": "x", "verb": "provision", "environment": "x", "requested_by": "a", "channel": "token"}
        times = {"accepted_at": body["now"], "began_at": "2026-01-01T00:00:00Z"}
        body["running"] = [{**view, **times, "steps": steps, "step_counts": {"done": 301}}]
        body["running_total"] = 1

    page, _ = tab(before=changed_overview(long))
    expect(page.locator("#running .gantt > li")).to_have_count(200)
    expect(page.locator("#running")).to_contain_text("of waiting, drawn shorter")
    expect(page.locator("#running")).to_contain_text("101 earlier steps are not drawn.")
    late = page.locator("#running .gantt > li").last.locator("rect.bar")
    assert float(late.get_attribute("width") or 0) > 1  # 100 s of 11 hours would be 0.2


def test_what_other_people_wrote_never_becomes_markup(tab: Open) -> None:
    def evil(body: dict[str, Any]) -> None:
        item = body["value"][0]
        item.update(
            name=EVIL, reason=EVIL, owner=EVIL, hold={"by": EVIL, "reason": EVIL, "since": body["now"], "until": body["now"]}
        )
        body["recent"][0].update(environment=EVIL, reason=EVIL, requested_by=EVIL)
        body["problems"] = [EVIL]

    page, _ = tab(before=changed_overview(evil))
    expect(rows(page).first.locator("h3")).to_have_text(EVIL)
    assert page.locator("main img, main script").count() == 0


def test_polls_keep_focus_scroll_and_open_details(tab: Open) -> None:
    page, seen = tab()
    trainer = row(page, "trainer")
    trainer.locator("summary").first.click()
    expect(page.locator("figure").first).to_be_visible()
    button = trainer.get_by_role("button", name="Keep awake 2 h trainer")
    button.focus()
    place, before = button.bounding_box(), seen.calls("/api/overview")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: seen.calls("/machines/evidence") == 2 and seen.calls("/api/overview") == before + 1, page)
    expect(button).to_be_focused()
    now = button.bounding_box()
    assert place
    assert now
    assert abs(now["y"] - place["y"]) < 2
    expect(page.locator("figure").first).to_be_visible()


def test_it_asks_rarely_when_nothing_runs_and_hardly_ever_when_hidden(tab: Open) -> None:
    page, seen = tab(before=lambda page: page.clock.install())
    expect(rows(page)).to_have_count(25)

    def polls_in(seconds: int) -> int:
        before = seen.calls("/api/overview")
        for _ in range(seconds // 5):
            page.clock.run_for(5000)
            settle(page, seen)
        return seen.calls("/api/overview") - before

    assert 3 <= polls_in(120) <= 5
    page.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden', configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert polls_in(280) == 0
    assert polls_in(60) == 1
    page.evaluate("delete document.visibilityState")
    before = seen.calls("/api/overview")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: seen.calls("/api/overview") == before + 1, page)


def test_failures_are_asked_again_ever_later_and_what_is_shown_turns_old(tab: Open) -> None:
    page, seen = tab(before=lambda page: page.clock.install())
    expect(rows(page)).to_have_count(25)
    page.route("**/api/overview*", lambda route: route.fulfill(status=503, json={"detail": "Azure is not available."}))
    before = seen.calls("/api/overview")
    for _ in range(100):
        page.clock.run_for(5000)
        settle(page, seen)
    assert 3 <= seen.calls("/api/overview") - before <= 5
    expect(page.locator("#notice")).to_contain_text("Azure is not available. It is asked again")
    expect(page.locator("#as-of")).to_have_class(re.compile("warning"))
    expect(rows(page)).to_have_count(25)
    page.unroute("**/api/overview*")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#notice")).to_be_empty()
    seen.errors.clear()  # the browser reports each 503


def test_an_ended_session_stops_the_polls_and_says_how_old_the_data_is(tab: Open, stage: Ground) -> None:
    page, seen = tab(before=lambda page: page.clock.install())
    expect(rows(page)).to_have_count(25)
    page.route("**/api/overview*", lambda route: route.fulfill(status=401, body=""))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#notice")).to_have_text(re.compile(r"Sign in again\. What is shown is as of \d\d:\d\d:\d\d"))
    before = seen.calls("/api/")
    page.clock.run_for(900_000)
    assert seen.calls("/api/") == before
    assert page.evaluate("document.getElementById('content').inert")
    page.unroute("**/api/overview*")
    page.get_by_label("Function key").fill(stage.key)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#sign-in")).to_be_hidden()
    expect(row(page, "trainer").get_by_role("button", name="Hold trainer")).to_be_enabled()
    seen.errors.clear()


def test_sign_in_by_key_stays_in_the_tab_and_can_be_forgotten(tab: Open, stage: Ground) -> None:
    page, seen = tab(key="")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert faults_of(page) == []
    assert seen.calls("/api/overview") == 0
    page.get_by_label("Function key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    seen.errors.clear()  # of the 401
    page.get_by_label("Function key").fill(stage.key)
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(25)
    assert not [url for url in seen.requests if stage.key in url]
    assert stage.key not in page.content()
    assert page.context.cookies() == []
    assert page.evaluate("JSON.stringify(localStorage)") == "{}"
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
    expect(page.locator("#content")).to_be_hidden()


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_nothing(tab: Open, colors: str) -> None:
    page, _ = tab("?search=trainer", color_scheme=colors)
    row(page, "trainer").locator("summary").first.click()
    expect(page.locator("figure").first).to_be_visible()
    page.get_by_text("As a table").click()
    assert faults_of(page) == []


def test_a_phone_shows_everything_without_sideways_scrolling(tab: Open) -> None:
    page, _ = tab("?search=ml1", **PHONE, color_scheme="dark")
    expect(rows(page)).to_have_count(1)
    assert not overflows(page)
    assert faults_of(page) == []
    page.get_by_label("Search").fill("research")
    expect(row(page, "trainer")).to_be_visible()
    row(page, "trainer").locator("summary").first.click()
    expect(page.locator("figure").first).to_be_visible()
    assert not overflows(page)
    page.get_by_label("Search").fill("long-as-azure-permits")
    expect(rows(page)).to_have_count(1)
    assert not overflows(page)


def test_the_keyboard_reaches_everything_in_order(tab: Open) -> None:
    page, _ = tab("?search=ml1")
    expect(rows(page)).to_have_count(1)
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "() => { const e = document.activeElement;"
            " return e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent.trim().slice(0, 40) }"
        )
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", label
        seen.append(label)
        if label.startswith("Sweep without"):
            break
    assert seen[0] == "Skip to the content"
    wanted = ["Times: local", "Sign out", "Search", "Sort by", "Evidence and machines of ml1", "Sweep without acting"]
    assert [label for label in seen if label in wanted] == wanted
    landmarks = page.locator("body").aria_snapshot()
    assert all(f"- {name}" in landmarks for name in ("banner", "main", "search", 'region "Trail"'))


def test_times_are_printed_with_their_zone_and_can_be_utc(tab: Open) -> None:
    page, _ = tab("?search=trainer", timezone_id="Asia/Kathmandu")
    expect(page.locator("#as-of")).to_contain_text("GMT+5:45")
    page.get_by_role("button", name="Times: local").click()
    expect(page.locator("#as-of")).to_contain_text("UTC")
    expect(row(page, "trainer")).to_contain_text(re.compile(r"since \d\d:\d\d UTC"))
    page.reload()
    expect(page.locator("#as-of")).to_contain_text("UTC")


def test_a_role_is_offered_only_what_it_may_do(tab: Open) -> None:
    def viewer(body: dict[str, Any]) -> None:
        body["me"].update(role="viewer", permissions=["look"])
        for item in body["value"]:
            item["may"] = []

    page, _ = tab("?search=research", before=changed_overview(viewer))
    expect(row(page, "trainer")).to_be_visible()
    assert page.locator("#rows button, #sweep button, #running button").count() == 0


def test_a_caller_without_a_role_is_told_so(tab: Open) -> None:
    detail = "This request requires the role viewer; your role is none."
    page, seen = tab(
        before=lambda page: page.route("**/api/overview*", lambda r: r.fulfill(status=403, json={"detail": detail}))
    )
    expect(page.get_by_role("alert")).to_contain_text(f"{detail} Ask an admin for a role")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert faults_of(page) == []
    seen.errors.clear()


def test_loading_and_errors_have_a_look_of_their_own(tab: Open) -> None:
    waiting: list[Route] = []

    def keep(route: Route) -> None:
        waiting.append(route)

    page, seen = tab(before=lambda page: page.route("**/api/overview*", keep))
    expect(page.get_by_role("heading", name="Loading …")).to_be_visible()
    until(lambda: bool(waiting), page)
    waiting[0].fulfill(status=500, json={"title": "Internal Server Error", "detail": "The request failed unexpectedly."})
    expect(page.get_by_role("alert")).to_contain_text("The request failed unexpectedly.")
    seen.errors.clear()


def test_motion_is_reduced_where_asked(tab: Open) -> None:
    page, _ = tab(before=lambda page: page.route("**/api/overview*", lambda route: None), reduced_motion="reduce")
    assert page.locator(".bone").first.evaluate("bone => getComputedStyle(bone).animationName") == "none"
