"""Files on a machine: those of its setup, and how cloud-config and scripts carry them."""

import base64
import json
from dataclasses import dataclass
from textwrap import indent

SETUP_PATH = "/usr/local/sbin/dormouse-setup"
READY_PATH = "/var/lib/dormouse/ready"
UNITS = "/etc/systemd/system"


@dataclass(frozen=True, slots=True)
class GuestFile:
    """A file on a machine; binary content is compressed with gzip for transfer."""

    path: str
    permissions: str
    content: bytes
    is_text: bool = True


def text_file(path: str, text: str, permissions: str = "0644") -> GuestFile:
    """A text file."""
    return GuestFile(path, permissions, text.encode())


def unit_file(name: str, text: str) -> GuestFile:
    """A systemd unit."""
    return text_file(f"{UNITS}/{name}", text)


def in_cloud_config(file: GuestFile) -> str:
    """A file as an item of `write_files`.

    https://cloudinit.readthedocs.io/en/latest/reference/modules.html#write-files
    """
    head = f"  - path: {json.dumps(file.path)}\n    permissions: '{file.permissions}'\n"
    if file.is_text:
        content = indent(file.content.decode(), "      ", lambda line: line.strip() != "")
        return f"{head}    content: |\n{content}"
    return f"{head}    encoding: gz+b64\n    content: {base64.b64encode(file.content).decode()}\n"
