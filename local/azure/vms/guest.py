"""The inside of a simulated machine: what its cloud-init asked for happens in time, and scripts find what is there.

Scripts run in a restricted shell of this computer that knows no commands but the few functions defined here: nothing of
this computer can be reached or changed by them.
"""

import base64
import shutil
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml

from local.azure.core.store import Document
from local.azure.vms.agent_process import CONFIGURATION, agent_of, configuration_in

if TYPE_CHECKING:
    from local.azure.core.world import World

STORAGE = "Microsoft.Storage/storageAccounts"
TIME_FOR_A_SCRIPT = 20
LOSABLE = ("driver", "mount", "desktop")

# In a restricted shell PATH cannot be changed any more: it leads nowhere, so that there are no commands but these.
NOWHERE = {"PATH": "/nonexistent"}
PRELUDE = r"""
enable -n kill exec source . cd
timeout() { shift; "$@"; }
cloud-init() { printf 'status: %s\n' "@CLOUD_INIT@"; }
test() { [ "$1 $2" = "-e /var/lib/dormouse/ready" ] && [ "@READY@" = yes ]; }
mountpoint() { case "${!#}" in @MOUNTED@) return 0 ;; *) return 1 ;; esac; }
systemctl() {
  [ "$1" = is-active ] || return 1
  case "$2" in
    dormouse-agent.service) printf '%s\n' "@AGENT@" ;;
    dormouse-setup.service) printf '%s\n' "@SETUP@" ;;
    xrdp|xrdp.service) printf '%s\n' "@XRDP@" ;;
    *) printf 'inactive\n' ;;
  esac
}
nvidia-smi() {
  [ "@DRIVER@" = installed ] || { printf 'nvidia-smi: command not found\n' >&2; return 127; }
  printf '%s\n' "@GPU@"
}
"""


class Guest:
    """What goes on inside one machine."""

    def __init__(self, world: "World", machine: Document) -> None:
        """Look into a machine."""
        self._world, self._machine = world, machine
        self._inside: dict[str, Any] = dict(machine.get("_guest") or {})

    def first_boot(self, at: float) -> Document:
        """The machine has been created: it boots, and cloud-init begins what it was told."""
        up = at + self._world.draw("guest boot", self._machine["id"])
        config = _cloud_config(self._machine.get("_custom_data", ""))
        self._inside = {
            "up": up,
            "first_up": up,
            "setup_takes": self._world.draw("guest first setup", self._machine["id"]),
            **config,
        }
        return self._written()

    def booted(self, at: float, *, resumed: bool = False) -> Document:
        """The machine has been started again: what was set up comes back by itself, unless a boot was to lose it.

        What slept goes on where it was.
        """
        self._inside["resumed" if resumed else "up"] = at + self._world.draw("guest boot", self._machine["id"])
        if not resumed:
            # Its unit has a condition: where the setup was done, a later boot does not start it again.
            self._inside["set_up_before"] = self._setup_share(at) >= 1.0
        if not resumed and "next_boot_loses" in self._inside:
            self._inside["lost"] = self._inside.pop("next_boot_loses")
        return self._written()

    def driver_settled(self, at: float, *, installed: bool) -> Document:
        """The driver's installation has ended; the setup has been waiting for that."""
        self._inside |= {"driver_at": at, "driver": installed}
        return self._written()

    def next_boot_loses(self, parts: Sequence[str]) -> Document:
        """What is gone from the next boot on, as after an update of the kernel; nothing brings all of it back."""
        self._inside["next_boot_loses"] = [part for part in LOSABLE if part in parts]
        return self._written()

    def run(self, script: str) -> tuple[str, str]:
        """Run a script as the machine would, and answer what it prints and complains."""
        shell = shutil.which("bash")
        if shell is None:
            return "", "bash is needed on this computer to simulate scripts in machines"
        text = _filled(PRELUDE, self._state()) + script
        command = [shell, "--restricted", "--noprofile", "--norc", "-c", text]
        try:
            done = subprocess.run(  # noqa: S603 - a restricted shell that knows no commands but ours
                command, capture_output=True, stdin=subprocess.DEVNULL, env=NOWHERE, timeout=TIME_FOR_A_SCRIPT, check=False
            )
        except subprocess.TimeoutExpired:
            return "", "the script took too long"
        return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def _state(self) -> dict[str, str]:
        now = self._world.seconds()
        up = self._machine["_power"] == "running" and now >= max(
            self._inside.get("up", now + 1), self._inside.get("resumed", 0.0)
        )
        share, broken = self._setup_share(now) if up else 0.0, bool(self._inside.get("broken"))
        lost = self._inside.get("lost", [])
        mounted = share > 0.4 and "mount" not in lost and self._may_mount()
        desktop = share > 0.7 and "desktop" not in lost and self._inside.get("desktop")
        return {
            "CLOUD_INIT": "error" if broken else "done" if share > 0.1 else "running",
            "READY": "yes" if share >= 1.0 and not broken else "no",
            "SETUP": "failed" if broken else self._setup_service(share),
            "AGENT": "active" if up and agent_of(self._machine) else "inactive",
            "XRDP": "active" if desktop else "inactive",
            "MOUNTED": self._inside.get("mount", "") if mounted else "/nowhere",
            "DRIVER": "installed" if up and self._inside.get("driver") and "driver" not in lost else "missing",
            "GPU": f"{self._gpu()}, 570.211.01, 4096 MiB",
        }

    def _setup_service(self, share: float) -> str:
        if self._inside.get("set_up_before"):
            return "inactive"
        return "active" if share >= 1.0 else "activating"

    def _setup_share(self, now: float) -> float:
        """How much of the first setup is done, from 0 to 1 and beyond; it waits for the driver if it was told to."""
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


def _cloud_config(custom_data: str) -> dict[str, Any]:
    """What a machine's custom data asks for, as far as a health check would notice."""
    try:
        text = base64.b64decode(custom_data).decode()
        config = yaml.safe_load(text) if text.startswith("#cloud-config") else None
    except (ValueError, yaml.YAMLError):
        config = None
    if not isinstance(config, dict):
        return {"broken": bool(custom_data)}
    files = {str(item.get("path")): str(item.get("content", "")) for item in config.get("write_files") or []}
    blobs = next((yaml.safe_load(text) for path, text in files.items() if path.endswith("blobfuse2.yaml")), None)
    agent = configuration_in(files.get(CONFIGURATION, ""))
    scripts = "\n".join(content for content in files.values() if content.startswith("#!"))
    units = "\n".join(content for path, content in files.items() if path.endswith(".service"))
    storage = blobs.get("azstorage", {}) if isinstance(blobs, dict) else {}
    return {
        "account": storage.get("account-name", ""),
        "container": storage.get("container", ""),
        "mount": _word_after(units, "blobfuse2 mount "),
        "desktop": "xrdp" in scripts,
        "waits": "NvidiaGpuDriverLinux" in scripts,
        **({"agent": {**agent, "since": 0.0, "running": True}} if agent else {}),
    }


def _word_after(text: str, what: str) -> str:
    _, _, rest = text.partition(what)
    return rest.split()[0] if rest else ""


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template
