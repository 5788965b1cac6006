"""R and RStudio Server behind JupyterHub, without a service, a port or a login of their own.

The notebook server of a user starts an RStudio Server of that user, which listens on a Unix socket only that user can reach.
https://github.com/jupyterhub/jupyter-rsession-proxy
"""

from collections.abc import Sequence

from dormouse.guest.files import GuestFile, text_file

# `requirements-jupyterhub.txt` has the same versions.
PYTHON_PACKAGES = ("jupyter-rsession-proxy==2.5.1", "jupyter-server-proxy==4.6.0")

# The newest version of which a checksum is known, from public Dockerfiles that pin it. The package for Ubuntu 22.04 also
# serves 24.04, for which there is none.
# https://github.com/rstudio/rstudio/issues/15569
VERSION = "2026.07.0-139"
SHA256 = "e7b310c9e46811635b8dea8df82c729686c3a78f35cfa7767d9567e30f528465"
HOST = "https://download2.rstudio.org"
URL = f"{HOST}/server/jammy/amd64/rstudio-server-{VERSION}-amd64.deb"
PACKAGE, INSTALLED = "/var/cache/rstudio-server.deb", f"/var/lib/dormouse/rstudio-{VERSION}"
SERVICE = "rstudio-server"

# The service of the package listens on all addresses unless this says otherwise. It runs once, as the proof that the package
# fits the system. An R session ends when its user ends it, as a kernel does: the usual limit is two hours.
SERVER_CONF = "www-address=127.0.0.1\n"
SESSION_CONF = "session-timeout-minutes=0\n"

# Since 2026.05, servers of users try to read the keys of the service, and end because only root may: without these keys,
# each user has one of their own in ~/.cache/rstudio. https://github.com/rstudio/rstudio/issues/18255
# 78 is the status after which another try would not help.
INSTALL = rf"""
case "$VERSION_CODENAME" in
  jammy|noble) ;;
  *) echo "RStudio Server has no package for Ubuntu $VERSION_CODENAME" >&2; exit 78 ;;
esac
rstudio_answers() {{
  for _ in {{1..30}}; do
    if curl -s -o /dev/null --max-time 2 http://127.0.0.1:8787/; then return 0; fi
    sleep 1
  done
  return 1
}}
if [ ! -e {INSTALLED} ]; then
  apt install r-base r-base-dev curl
  curl -fsSL --retry 10 --retry-all-errors -o {PACKAGE} {URL}
  if ! echo "{SHA256}  {PACKAGE}" | sha256sum --check --status; then
    rm {PACKAGE}
    echo "{URL} has another checksum than SHA-256 {SHA256}" >&2
    exit 78
  fi
  apt install {PACKAGE}
  systemctl unmask {SERVICE}
  systemctl restart {SERVICE}
  if ! rstudio_answers; then echo "RStudio Server is installed and does not answer on 127.0.0.1:8787" >&2; exit 1; fi
  systemctl disable --now {SERVICE}
  systemctl mask {SERVICE}
  rm -f {PACKAGE} {{/etc/rstudio,/var/lib/rstudio-server}}/{{session-rpc-key,secure-cookie-key}}
  chmod a+rx /var/lib/rstudio-server
  touch {INSTALLED}
fi
"""


def files() -> Sequence[GuestFile]:
    """The configuration of RStudio, which is in place before its package is installed."""
    return [text_file("/etc/rstudio/rserver.conf", SERVER_CONF), text_file("/etc/rstudio/rsession.conf", SESSION_CONF)]
