"""What the custom data of a simulated machine says that a health check would notice."""

import base64
import gzip
import re
from typing import Any

import yaml

from local.azure.vms import containers, pipelines
from local.azure.vms.agent_process import CONFIGURATION, configuration_in
from local.azure.vms.hub import hub_in

GZIP = b"\x1f\x8b"


def features_in(custom_data: str) -> dict[str, Any]:
    """The features in a machine's custom data that a health check would notice."""
    try:
        content = base64.b64decode(custom_data)
        text = (gzip.decompress(content) if content.startswith(GZIP) else content).decode()
        config = yaml.safe_load(text) if text.startswith("#cloud-config") else None
    except (ValueError, OSError, EOFError, yaml.YAMLError):
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
        "hub": hub_in(files),
        "disks": dict(re.findall(r"^mount_disk (\d+) (\S+)$", scripts, re.MULTILINE)),
        "docker": "docker-ce" in scripts,
        "pipelines": pipelines.configuration_in(files),
        "container_unit": containers.configuration_in(files),
        **({"agent": {**agent, "since": 0.0, "running": True}} if agent else {}),
    }


def _word_after(text: str, what: str) -> str:
    _, _, rest = text.partition(what)
    return rest.split()[0] if rest else ""
