"""One control plane over several releases of the app: the same state, the same simulated Azure, the same simulated time."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local.host.durable.rows import Instance
from local.host.durable.store import Store
from local.sandbox import Ground
from release.keep import KEPT, unpack
from release.package import copy_app
from release.versions import version_of
from tests.fleet import FleetSide
from tests.integration.chat.chats import Slack
from tests.support import AzureSide, ControlPlane, until

FOREVER = 10.0**7


@dataclass(frozen=True, slots=True)
class App:
    """A release: the folder of its app, and the version of its orchestrations."""

    folder: Path
    version: str

    @classmethod
    def at(cls, folder: Path) -> "App":
        return cls(folder, version_of(folder / "host.json"))


def kept_releases() -> list[Path]:
    """The kept releases, oldest first."""
    return sorted(KEPT.glob("*.json"), key=lambda path: [int(part) for part in path.stem.split(".")])


def kept(release: Path, folder: Path) -> App:
    """A kept release, unpacked."""
    unpack(release, folder)
    return App.at(folder)


def todays(folder: Path, older: App) -> App:
    """The app of this checkout; if its orchestrations have the version of the older release, a copy with the next one.

    So the older release leaves its instances alone, as it would those of a release that has changed an orchestrator.
    """
    folder.mkdir()
    copy_app(folder)
    app = App.at(folder)
    if app.version != older.version:
        return app
    first, *others = app.version.split(".")
    following = ".".join([first, *others[:-1], str(int(others[-1]) + 1)])
    path = folder / "host.json"
    path.write_text(path.read_text().replace(f'"defaultVersion": "{app.version}"', f'"defaultVersion": "{following}"'))
    return App.at(folder)


@dataclass
class Scene:
    """The control plane as its callers see it, and what holds its operations up."""

    ground: Ground
    plane: ControlPlane
    azure: AzureSide
    fleet: FleetSide
    slack: Slack
    operations: dict[str, str] = field(default_factory=dict)
    replies: Callable[[int], list[str]] = field(default=lambda count: [])

    def deploy(self, app: App, speed: float | None = None) -> None:
        """Kill the host, and start it with another app on the same state; from then on at another speed, if one is given."""
        self.ground.host.kill()
        if speed is not None:
            self._change_speed(speed)
        command = self.ground.host.command
        command[command.index("--app") + 1] = str(app.folder)
        self.ground.host.start()

    def _change_speed(self, speed: float) -> None:
        clock = self.ground.clock
        clock.speed = speed
        clock.origin = self.azure.client.put("/speed", json={"speed": speed}).raise_for_status().json()["origin"]
        with contextlib.closing(Store(self.ground.home / "host" / "host.sqlite")) as store:
            store.change_clock(clock)
        told = self.ground.app_environment
        self.ground.host.environment |= {name: told[name] for name in ("CLOCK_ORIGIN", "CLOCK_SPEED")}

    def hold(self, **request: str) -> None:
        """Leave a request unanswered from now on, until the faults of the simulated Azure are cleared."""
        self.azure.spoil(effect="slow", seconds=FOREVER, **request)

    def until_held(self) -> None:
        """Wait until Azure has received each of the requests that it leaves unanswered."""
        try:
            until(lambda: not self.missing(), "")
        except AssertionError:
            raise AssertionError(f"Azure has not received {self.missing()}") from None

    def missing(self) -> list[dict[str, Any]]:
        """The requests that are to be left unanswered, and have not arrived."""
        return [fault for fault in self.azure.faults() if not fault["spoilt"]]

    def let_go(self, app: App, speed: float | None = None) -> None:
        """Answer every request again; the host is restarted, so that it repeats those without an answer."""
        self.azure.behave()
        self.deploy(app, speed)

    def instances(self, **query: str) -> list[dict[str, Any]]:
        """The instances that the management API of Durable Functions lists."""
        url = f"http://127.0.0.1:{self.ground.port}/runtime/webhooks/durabletask/instances"
        headers = {"x-functions-key": self.ground.keys["durable"]}
        found: list[dict[str, Any]] = httpx.get(url, params=query, headers=headers, trust_env=False).json()
        return found

    def orchestrators(self) -> set[str]:
        """The names of the orchestrators that the running release has."""
        url = f"http://127.0.0.1:{self.ground.port}/admin/functions"
        listed = httpx.get(url, headers={"x-functions-key": self.ground.keys["master"]}, trust_env=False).json()
        kinds = {one["name"]: [binding["type"] for binding in one["config"]["bindings"]] for one in listed}
        return {name for name, bindings in kinds.items() if "orchestrationTrigger" in bindings}

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The durable state of a host; of a running one, what it has committed."""
        file = self.ground.home / "copy.sqlite"
        with contextlib.closing(sqlite3.connect(self.ground.home / "host" / "host.sqlite")) as state:
            file.write_bytes(state.serialize())
        with contextlib.closing(Store(file)) as store:
            yield store
        file.unlink()

    def in_flight(self) -> list[Instance]:
        """The instances that have not ended."""
        with self.store() as store:
            return [instance for instance in store.instances() if not instance.ended]

    def log(self) -> str:
        return self.ground.host.log.read_text()
