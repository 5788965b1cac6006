"""Operations that are in flight survive an upgrade, and wait when an older release is put back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrators
from dormouse.lifecycle import Verb
from function_app import build_app, connect
from local.host.functions.worker import Worker
from release.versions import version_of
from tests.support import ROOT, until
from tests.upgrades.cases import CASES, NEVER_ASKED, NEVER_HELD, NEVER_RUN, Case
from tests.upgrades.histories import faults_of
from tests.upgrades.scene import Scene, kept_releases
from tests.upgrades.upgrade import Story, upgraded

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")


@pytest.fixture(scope="module", params=kept_releases(), ids=lambda archive: f"from {archive.stem}")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Story]]:
    yield from upgraded(request.param, tmp_path_factory.mktemp("upgrade"))


@pytest.fixture
def scene(run: tuple[Scene, Story]) -> Scene:
    return run[0]


@pytest.fixture
def story(run: tuple[Scene, Story]) -> Story:
    return run[1]


def test_every_kind_of_operation_has_a_case() -> None:
    held = {orchestrator for case in CASES for orchestrator in case.runs}
    known = held | set(NEVER_HELD) | set(NEVER_RUN)
    assert known == set(orchestrators.ALL), "an orchestrator without a case in tests/upgrades/cases.py"
    asked = {case.verb for case in CASES if case.verb} | set(NEVER_ASKED)
    assert asked == set(Verb), "a verb without a case in tests/upgrades/cases.py"


def test_an_operation_of_every_kind_was_in_flight(story: Story) -> None:
    found = {instance.name for instance in story.in_flight}
    assert found == story.offered - {one.__name__ for one in (*NEVER_HELD, *NEVER_RUN)}
    assert {instance.version for instance in story.in_flight} == {story.older.version}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_ends_on_the_new_release_as_it_would_have_on_the_old_one(case: Case, scene: Scene, story: Story) -> None:
    if case.name in story.ended:
        ended = story.ended[case.name]
        assert ended["outcome"] == "succeeded", ended["reason"]
    case.ended(scene)


def test_the_sweep_that_was_in_flight_ended_what_it_had_begun(scene: Scene) -> None:
    for name, verb in (("agents", "stop"), ("leased", "delete")):
        trail = scene.plane.client.get("/operations", params={"environment": name}).json()["value"]
        found = [(one["outcome"], one["requested_by"]) for one in trail if one["verb"] == verb]
        assert found == [("succeeded", "sweep (lease)")], trail


def test_an_operator_sees_what_the_older_release_has_begun_and_when_all_of_it_has_ended(story: Story) -> None:
    assert story.said["older"] == {instance.id for instance in story.in_flight}
    assert story.said["older at the end"] == []


def test_locks_and_idempotency_keys_are_those_of_before(scene: Scene, story: Story) -> None:
    assert story.said["repeated"] == (scene.operations["stop"], "true")
    assert story.said["locked"].status_code == 409
    assert scene.operations["restart"] in story.said["locked"].text
    assert scene.azure.rows("locks") == [], "every operation has released its lock"


def test_warnings_and_holds_are_still_pending(scene: Scene, story: Story) -> None:
    assert story.said["lines after"] == story.said["lines"]
    assert story.said["lines"]["warned"]["next_action_text"].startswith("A warning was sent.")
    assert story.said["lines"]["held"]["hold"]["reason"] == "demo"
    told = [message["body"] for message in scene.azure.messages("/dormouse")]
    about = [notice["event"] for notice in told if str(notice["machine"]).endswith("/warned")]
    assert about == ["warned"], "it was warned once"


def test_every_recorded_history_replays_under_todays_orchestrators(story: Story) -> None:
    recorded = {history.instance.name for history in story.histories}
    assert recorded == story.offered - {one.__name__ for one in NEVER_RUN}, "a kind was not recorded"
    worker = Worker(build_app(connect))
    faults = {fault for history in story.histories for fault in faults_of(history, worker)}
    assert faults == set()


def test_an_older_release_that_is_put_back_leaves_newer_operations_alone(scene: Scene, story: Story) -> None:
    scene.azure.behave()
    scene.hold(method="POST", path="/virtualmachines/vm-restarting/restart")
    newer = scene.plane.post("restarting", "restart").json()["operation"]
    scene.until_held()
    scene.let_go(story.older)
    older = scene.plane.follow(scene.plane.post("rotating", "stop"))
    assert older["outcome"] == "succeeded", older["reason"]
    until(lambda: f"{newer} (change_power) has version {story.newer.version} and waits" in scene.log(), "it does not wait")
    waiting = scene.plane.operation(newer)
    assert waiting["outcome"] is None, waiting
    locked = scene.plane.post("restarting", "stop")
    assert (locked.status_code, newer in locked.text) == (409, True)
    scene.deploy(story.newer)
    assert scene.plane.wait(newer)["outcome"] == "succeeded"


def test_the_kept_releases_are_not_newer_than_this_one() -> None:
    numbers = [[int(part) for part in archive.stem.split(".")] for archive in kept_releases()]
    assert numbers
    assert max(numbers) <= [int(part) for part in version_of(ROOT / "host.json").split(".")]


def test_keeping_a_release_twice_gives_the_same_file(tmp_path: Path) -> None:
    from release.keep import keep

    first, second = (keep(tmp_path / name) for name in ("first", "second"))
    assert first.name == f"{version_of(ROOT / 'host.json')}.json"
    assert first.read_bytes() == second.read_bytes()
