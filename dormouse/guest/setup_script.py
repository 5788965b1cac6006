"""The script that sets up a fresh Ubuntu 24.04 as the spec requires; it can be interrupted and run again."""

import re
import shlex

from dormouse.resources.plan import GuestSetup

SETUP_PATH = "/usr/local/sbin/dormouse-setup"
READY_PATH = "/var/lib/dormouse/ready"

# Microsoft's package signing key for Ubuntu up to 24.04, by its primary fingerprint.
# https://learn.microsoft.com/linux/packages
MICROSOFT_KEY = "BC528686B50D79E339D3721CEB3E94ADBE1229CF"

# The newest torch on PyPI requires a newer driver than the GRID driver of an A10; this index has builds for older ones.
TORCH_INDEX = "https://download.pytorch.org/whl/cu126"
TORCH_PACKAGES = frozenset({"torch", "torchvision", "torchaudio"})
JUPYTER_PACKAGES = frozenset({"jupyter", "jupyterlab", "notebook", "jupyter-server"})

BEGIN = r"""#!/bin/bash
# Written by the control plane; runs after the first boot until it has succeeded once.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
mkdir -p /var/lib/dormouse
apt() { apt-get -o DPkg::Lock::Timeout=900 -o Acquire::Retries=5 -y "$@"; }
"""

# The driver extension fails while another process holds dpkg's lock (azure-docs#111614), so wait for it first: its
# handler writes a status file like every extension. https://github.com/Azure/azure-vmextension-publishing
WAIT_FOR_DRIVER = r"""
driver_settled() {
  cat /var/lib/waagent/Microsoft.HpcCompute.NvidiaGpuDriverLinux-*/status/*.status 2>/dev/null \
    | grep -Eq '"status": *"(success|error)"'
}
for _ in $(seq 120); do driver_settled && break; sleep 10; done
"""

BLOBFUSE = r"""
dpkg --configure -a
keyring=/usr/share/keyrings/microsoft-prod.asc
if [ ! -s "$keyring" ]; then
  curl -fsSL --retry 10 --retry-all-errors -o "$keyring.new" https://packages.microsoft.com/keys/microsoft.asc
  gpg --show-keys --with-colons "$keyring.new" | grep -q @KEY@
  mv "$keyring.new" "$keyring"
fi
echo "deb [arch=amd64 signed-by=$keyring] https://packages.microsoft.com/ubuntu/24.04/prod noble main" \
  > /etc/apt/sources.list.d/microsoft-prod.list
apt update
apt install fuse3 blobfuse2 python3-venv build-essential
sed -i 's/^#\s*user_allow_other/user_allow_other/' /etc/fuse.conf
systemctl daemon-reload
systemctl enable dormouse-blobs.service
systemctl start --no-block dormouse-blobs.service
"""

DESKTOP = r"""
apt install xrdp xorgxrdp xfce4 xfce4-goodies dbus-x11
adduser xrdp ssl-cert
install -o "$admin" -g "$admin" -m 0644 /dev/stdin "$home/.xsession" <<< startxfce4
systemctl enable xrdp
systemctl restart xrdp
"""

KEY_PAIR = r"""
sudo -u "$admin" mkdir -p -m 0700 "$home/.ssh"
[ -e "$home/.ssh/id_rsa" ] || sudo -u "$admin" ssh-keygen -q -t rsa -b 4096 -N '' -f "$home/.ssh/id_rsa"
"""


def setup_script(setup: GuestSetup) -> str:
    """The whole script for one machine."""
    parts = [BEGIN, _administrator(setup)]
    parts += [WAIT_FOR_DRIVER] if setup.gpu else []
    parts += [BLOBFUSE.replace("@KEY@", MICROSOFT_KEY)]
    parts += [DESKTOP] if setup.desktop else []
    parts += [KEY_PAIR, _python(setup.python_packages), f"\ntouch {READY_PATH}\n"]
    return "".join(parts)


def _administrator(setup: GuestSetup) -> str:
    return f'admin={shlex.quote(setup.admin_username)}\nhome=$(getent passwd "$admin" | cut -d: -f6)\n'


def _python(packages: tuple[str, ...]) -> str:
    # Ubuntu 24.04 rejects system-wide pip (PEP 668): packages go into a virtual environment of the administrator.
    torch = [name for name in packages if _project(name) in TORCH_PACKAGES]
    others = [name for name in packages if name not in torch]
    lines = ["test -x venv/bin/pip || python3 -m venv venv", "venv/bin/pip install --retries 10 --upgrade pip"]
    if torch:
        lines.append(f"venv/bin/pip install --retries 10 --index-url {TORCH_INDEX} {_quoted(torch)}")
    if others:
        lines.append(f"venv/bin/pip install --retries 10 {_quoted(others)}")
    if any(_project(name) in JUPYTER_PACKAGES for name in packages):
        lines += JUPYTER
    inner = "\n".join(["set -euo pipefail", "cd", *lines])
    return f"\nsudo -H -u \"$admin\" bash <<'DORMOUSE'\n{inner}\nDORMOUSE\n"


# Jupyter listens only on localhost: use an SSH tunnel to connect to it.
JUPYTER = [
    "mkdir -p jupyter_notebooks .jupyter",
    "printf '%s\\n' \"c.ServerApp.ip = '127.0.0.1'\" 'c.ServerApp.open_browser = False' "
    "\"c.ServerApp.root_dir = '$HOME/jupyter_notebooks'\" > .jupyter/jupyter_server_config.py",
]


def _project(requirement: str) -> str:
    """The name of a project in a requirement, as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>~!]", requirement)[0]).lower()


def _quoted(names: list[str]) -> str:
    return " ".join(shlex.quote(name) for name in names)
