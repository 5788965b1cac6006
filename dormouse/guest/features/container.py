"""A container on a machine of its own, with its data on a data disk and its passwords from Key Vault.

https://docs.docker.com/reference/cli/docker/container/run
"""

import json
import shlex
from collections.abc import Sequence
from textwrap import dedent

from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.files import GuestFile, text_file, unit_file
from dormouse.resources.features import Container

PROGRAM, CONFIGURATION = "/usr/local/sbin/dormouse-container", "/etc/dormouse/container.json"
UNIT = "dormouse-container.service"
DATA = "data"

# Values of secrets are only in files that root may read, and in memory: never in an argument, which others see.
# https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
RUN = r"""#!/bin/bash
# Written by the control plane; `run` runs the container of this machine, `status` says whether it answers.
set -u
umask 077
variables=/run/dormouse-container.env
metadata="http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net"

field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

secret() {  # URL
  local token
  token=$(curl -fsS --max-time 20 --noproxy '*' -H Metadata:true "$metadata" | field access_token) || return 1
  printf 'header = "Authorization: Bearer %s"\n' "$token" \
    | curl -fsS --max-time 20 --config - "$1?api-version=7.4" | field value
}

run() {
  local value
  mountpoint -q @MOUNT@ || { echo "the data disk is not mounted at @MOUNT@" >&2; return 1; }
  mkdir -p @MOUNT@/@DATA@
  chmod 0777 @MOUNT@/@DATA@
  : > "$variables"
@VARIABLES@
  docker rm --force @NAME@ >/dev/null 2>&1
  exec docker run --rm --name @NAME@ --hostname @NAME@ --env-file "$variables" \
    --volume @MOUNT@/@DATA@:@PATH@ @PORTS@ @IMAGE@ @COMMAND@
}

status() {
  local code
  code=$({ @LOGIN@; } | curl -s -o /dev/null -w '%{http_code}' --max-time 10 --noproxy '*' --config - @URL@)
  case "$code" in
    2??|@ALSO@) echo "passed @NAME@ answers at @SHOWN@ (HTTP $code)" ;;
    000|"") echo "waiting @NAME@ does not answer at @SHOWN@ yet" ;;
    *) echo "waiting @NAME@ answers with HTTP $code at @SHOWN@" ;;
  esac
}

case "${1:-}" in
  run) run ;;
  status) status ;;
  *) echo "usage: dormouse-container run|status" >&2; exit 64 ;;
esac
"""
# A store that asks for a signature refuses one without, and so it works.
DENIES_STRANGERS = "403"
CHECK = r"""
  local seen
  seen=$(dormouse-container status)
  case "$seen" in
    "passed "*|"waiting "*) say @NAME@ "${seen%% *}" "${seen#* }" ;;
    *) say @NAME@ waiting "the container is not installed yet" ;;
  esac
"""


def _program(container: Container) -> str:
    lines = [f"  printf '%s\\n' {shlex.quote(f'{name}={value}')} >> \"$variables\"" for name, value in container.environment]
    for name, url in container.secrets:
        lines.append(
            f"  value=$(secret {shlex.quote(url)}) || {{ echo 'the secret of {name} cannot be read yet' >&2; return 1; }}"
        )
        lines.append(f'  printf \'%s\\n\' "{name}=$value" >> "$variables"')
    login = ":"
    if container.login:
        user, word = container.login
        login = f'. "$variables"; printf \'user = "%s:%s"\\n\' "${user}" "${word}"'
    places = {
        "@MOUNT@": shlex.quote(container.mount_path),
        "@DATA@": DATA,
        "@VARIABLES@": "\n".join(lines),
        "@NAME@": container.name,
        "@PATH@": shlex.quote(container.data_path),
        "@PORTS@": " ".join(f"--publish {container.address}:{port}:{port}" for port in container.ports),
        "@IMAGE@": shlex.quote(container.image),
        "@COMMAND@": shlex.join(container.command),
        "@LOGIN@": login,
        "@URL@": shlex.quote(container.health_url),
        "@SHOWN@": container.health_url,
        "@ALSO@": "2??" if container.login else DENIES_STRANGERS,
    }
    text = RUN
    for place, value in places.items():
        text = text.replace(place, value)
    return text


def _files(container: Container) -> Sequence[GuestFile]:
    shown = {
        "name": container.name,
        "image": container.image,
        "url": container.health_url,
        "secrets": dict(container.secrets),
    }
    return [
        text_file(PROGRAM, _program(container), "0755"),
        text_file(CONFIGURATION, f"{json.dumps(shown)}\n"),
        unit_file(UNIT, UNIT_TEXT),
    ]


UNIT_TEXT = dedent(f"""\
    [Unit]
    Description=The container of this machine
    Wants=network-online.target
    After=network-online.target docker.service
    Requires=docker.service
    StartLimitIntervalSec=0

    [Service]
    ExecStart={PROGRAM} run
    Restart=always
    RestartSec=15

    [Install]
    WantedBy=multi-user.target
    """)

INSTALL = f"""
systemctl enable {UNIT}
systemctl restart --no-block {UNIT}
"""

CONTAINER: GuestFeature[Container] = GuestFeature(
    _files,
    install=lambda container: INSTALL,
    checks=lambda container: {container.name: CHECK.replace("@NAME@", container.name)},
)
