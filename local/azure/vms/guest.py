"""The inside of a simulated machine: its cloud-init runs in simulated time, and scripts see the result."""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from local.azure.core.store import Document
from local.azure.vms import accounts, containers, pipelines
from local.azure.vms.agent_process import agent_of
from local.azure.vms.cloud_config import features_in
from local.azure.vms.hub import said_of_certificate, said_of_login
from local.azure.vms.shell import run_script

if TYPE_CHECKING:
    from local.azure.core.world import World

STORAGE = "Microsoft.Storage/storageAccounts"
LOSABLE = ("driver", "mount", "desktop", "hub", "rstudio")

# The share of the first setup after which a hub is installed.
HUB_FROM = 0.95


class Guest:
    """The software inside one machine."""

    def __init__(self, world: "World", machine: Document) -> None:
        """Read the state of a machine."""
        self._world, self._machine = world, machine
        self._inside: dict[str, Any] = dict(machine.get("_guest") or {})
        self._told = False

    def first_boot(self, at: float) -> Document:
        """The machine after its creation: it boots, and cloud-init begins."""
        up = at + self._world.draw("guest boot", self._machine["id"])
        config = features_in(self._machine.get("_custom_data", ""))
        self._inside = {
            "up": up,
            "first_up": up,
            "setup_takes": self._world.draw("guest first setup", self._machine["id"]),
            **config,
        }
        if self._inside.get("pipelines"):
            self._world.store.put(pipelines.UNREGISTERED, self._machine["id"], {"id": self._machine["id"]})
        return self._written()

    def booted(self, at: float, *, resumed: bool = False) -> Document:
        """The machine after a later start: installed features come back, unless the boot was set to lose them.

        A hibernated machine resumes.
        """
        self._inside["resumed" if resumed else "up"] = at + self._world.draw("guest boot", self._machine["id"])
        if not resumed:
            # Its unit has a condition: once the setup is done, a later boot does not start it again.
            self._inside["set_up_before"] = self._setup_share(at) >= 1.0
        if not resumed and "next_boot_loses" in self._inside:
            self._inside["lost"] = self._inside.pop("next_boot_loses")
        return self._written()

    def driver_settled(self, at: float, *, installed: bool) -> Document:
        """The machine after the driver's installation, for which the setup was waiting."""
        self._inside |= {"driver_at": at, "driver": installed}
        return self._written()

    def next_boot_loses(self, parts: Sequence[str]) -> Document:
        """The machine with features to lose at the next boot, as after a kernel update; nothing brings all of them back."""
        self._inside["next_boot_loses"] = [part for part in LOSABLE if part in parts]
        return self._written()

    def run(self, script: str) -> tuple[str, str]:
        """Run a script as the machine would; returns its output and error output."""
        ran = run_script(script, self._state())
        self._keep_accounts(ran.told)
        return ran.output, ran.errors

    @property
    def with_accounts(self) -> Document | None:
        """The machine with the accounts that the last script has changed, or None if it changed none."""
        return self._written() if self._told else None

    def _keep_accounts(self, told: str) -> None:
        changes = accounts.after(told, self._inside, self._account())
        self._inside, self._told = {**self._inside, **changes}, bool(changes)

    def _account(self) -> str:
        return str((self._machine["properties"].get("osProfile") or {}).get("adminUsername", ""))

    def is_up(self) -> bool:
        """Whether the machine runs and its system has booted."""
        now = self._world.seconds()
        up_from = max(self._inside.get("up", now + 1), self._inside.get("resumed", 0.0))
        return self._machine["_power"] == "running" and bool(now >= up_from)

    def _state(self) -> dict[str, str]:
        now, up = self._world.seconds(), self.is_up()
        share, broken = self._setup_share(now) if up else 0.0, bool(self._inside.get("broken"))
        lost = self._inside.get("lost", [])
        mounted = share > 0.4 and "mount" not in lost and self._may_mount()
        desktop = share > 0.7 and "desktop" not in lost and self._inside.get("desktop")
        driver = up and self._inside.get("driver") and "driver" not in lost
        return {
            "CLOUD_INIT": "error" if broken else "done" if share > 0.1 else "running",
            "READY": "yes" if share >= 1.0 and not broken else "no",
            "SETUP": "failed" if broken else self._setup_service(share),
            "AGENT": "active" if up and agent_of(self._machine) else "inactive",
            "XRDP": "active" if desktop else "inactive",
            "MOUNTED": "|".join([*([self._inside.get("mount", "")] if mounted else []), *self._disks(share)]) or "/nowhere",
            "SHADOW": accounts.shadow_of(self._inside, self._account()),
            "HUB_USERS": "there" if up and (self._inside.get("hub") or {}).get("accounts") else "missing",
            "DRIVER": "installed" if driver else "missing",
            "GPU": f"{self._gpu()}, 570.211.01, 4096 MiB",
            "CONTAINER": self.container(),
            **self._hub(share, gpus=self._gpus() if driver else 0),
            **self._build_agent(share, up=up),
        }

    def container(self) -> str:
        """What the check of the container says that the machine runs."""
        share = self._setup_share(self._world.seconds()) if self.is_up() else 0.0
        return containers.said(self._world, self._machine, installed=share > 0.5 and bool(self._disks(share)))

    def set_up_at(self) -> float:
        """When the first setup is finished; infinity while it waits for the driver."""
        if self._inside.get("waits") and "driver_at" not in self._inside:
            return math.inf
        begun = max(self._inside.get("first_up", math.inf), self._inside.get("driver_at", 0.0))
        return float(begun + self._inside.get("setup_takes", 0.0))

    def _build_agent(self, share: float, *, up: bool) -> dict[str, str]:
        """What the health check of a build agent sees."""
        docker = share > 0.5 and self._inside.get("docker")
        driver = self._inside.get("driver") and "driver" not in self._inside.get("lost", [])
        works = "passed GPUs work on the machine and in containers"
        said = pipelines.log_of(self._world, self._machine) if up and self._inside.get("pipelines") else ""
        return {
            "DOCKER": "active" if docker else "inactive",
            "CONTAINERS": works if docker and driver else "waiting nvidia-smi does not work on the machine",
            "PIPELINES": re.sub(r"[\"`$\\\\]", "'", said),
        }

    def _hub(self, share: float, *, gpus: int) -> dict[str, str]:
        """What the check of the hub prints: the setup installs the hub last."""
        hub = self._inside.get("hub")
        if not hub or share < HUB_FROM:
            return {"HUB": "missing", "HUB_CERTIFICATE": "", "HUB_LOGIN": ""}
        installed = self._inside["first_up"] + HUB_FROM * self._inside["setup_takes"]
        up_seconds = self._world.seconds() - max(self._inside["up"], installed)
        lost = self._inside.get("lost", [])
        known = {**hub, "runs": hub["runs"] and "hub" not in lost}
        if hub.get("rstudio") and "rstudio" in lost:
            known["rstudio"] = {**hub["rstudio"], "runs": False}
        said = said_of_certificate(self._world, self._machine, known, up_seconds)
        login = said_of_login(self._world, self._machine, known, up_seconds, gpus)
        return {"HUB": "installed", "HUB_CERTIFICATE": said, "HUB_LOGIN": login}

    def _disks(self, share: float) -> list[str]:
        """Where data disks are mounted: the setup does that with those that are attached."""
        disks = (self._machine["properties"].get("storageProfile") or {}).get("dataDisks") or []
        attached = {str(disk["lun"]) for disk in disks if not disk.get("toBeDetached")}
        return [path for lun, path in self._inside.get("disks", {}).items() if share > 0.3 and lun in attached]

    def _gpus(self) -> int:
        size = self._machine["properties"]["hardwareProfile"]["vmSize"]
        return int(self._world.catalogue.get(size, {}).get("gpus", 0)) or 1

    def _setup_service(self, share: float) -> str:
        if self._inside.get("set_up_before"):
            return "inactive"
        return "active" if share >= 1.0 else "activating"

    def _setup_share(self, now: float) -> float:
        """The finished share of the first setup, from 0 to 1 and beyond; it waits for the driver if configured so."""
        if self._inside.get("waits") and "driver_at" not in self._inside:
            return 0.0
        begun = max(self._inside.get("first_up", now), self._inside.get("driver_at", 0.0))
        return float(max(now - begun, 0.0) / max(self._inside.get("setup_takes", 0.0), 1.0))

    def _may_mount(self) -> bool:
        principal = self._machine.get("identity", {}).get("principalId", "")
        account = next((a for a in self._world.resources(STORAGE) if a["name"] == self._inside.get("account")), None)
        if account is None:
            return False
        container = f"{account['id']}/blobServices/default/containers/{self._inside.get('container')}"
        return self._world.resource(container) is not None and _may_write(self._world, principal, account["id"])

    def _gpu(self) -> str:
        size = str(self._machine["properties"]["hardwareProfile"]["vmSize"])
        model = size.removeprefix("Standard_").split("_")
        return f"NVIDIA {model[1] if len(model) > 2 else 'GPU'}"

    def _written(self) -> Document:
        return {**self._machine, "_guest": self._inside}


def _may_write(world: "World", principal: str, account: str) -> bool:
    from local.azure.providers.roles import may_write_blobs

    return may_write_blobs(world, principal, account)
