"""The NVIDIA driver, which a VM extension installs, and its repair after a kernel update: once for each kernel.

Unattended upgrades install kernels without their headers, and DKMS then cannot build the driver for the next boot.
https://github.com/NVIDIA/nvidia-docker/issues/804
"""

from textwrap import dedent

from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.files import READY_PATH, text_file, unit_file
from dormouse.resources.features import NvidiaDriver

DRIVER_PATH = "/usr/local/sbin/dormouse-driver"
DRIVER_UNIT = "dormouse-driver.service"

DRIVER_SCRIPT = r"""#!/bin/bash
# Written by the control plane; rebuilds the NVIDIA driver if it does not work with this kernel.
set -uo pipefail
export DEBIAN_FRONTEND=noninteractive
kernel=$(uname -r)
tried="${DORMOUSE_STATE:-/var/lib/dormouse}/driver-$kernel"
nvidia-smi >/dev/null && exit 0
if [ -e "$tried" ]; then echo "the driver was rebuilt for $kernel before, and does not work"; exit 1; fi
touch "$tried"
apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 -y install "linux-headers-$kernel"
dkms autoinstall -k "$kernel"
modprobe nvidia
nvidia-smi
"""


# The driver extension fails while another process holds dpkg's lock (azure-docs#111614), so wait for it first: its
# handler writes a status file like every extension. https://github.com/Azure/azure-vmextension-publishing
# If the lock was held in spite of that, the control plane puts the extension once more: the lock is left to it until then.
WAIT_FOR_DRIVER = r"""
driver_settled() {
  local log=$(ls -t /var/lib/waagent/Microsoft.HpcCompute.NvidiaGpuDriverLinux-*/status/*.status 2>/dev/null | head -1)
  [ -n "$log" ] || return
  grep -q '"status": *"success"' "$log" && return 0
  grep -q '"status": *"error"' "$log" || return
  grep -Eqi 'lock-frontend|could not get lock' "$log" || return 0
  [ -z "$(find "$log" -mmin -10)" ]
}
for _ in $(seq 120); do driver_settled && break; sleep 10; done
"""

CHECK = r"""
  local seen
  if seen=$(timeout 30 nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader); then
    say gpu passed "$seen"
  else say gpu waiting "nvidia-smi does not work yet: $seen"; fi
"""


def _unit() -> str:
    return dedent(f"""\
        [Unit]
        Description=Repair of the GPU driver after a kernel update
        Wants=network-online.target
        After=network-online.target
        ConditionPathExists={READY_PATH}

        [Service]
        Type=oneshot
        ExecStart={DRIVER_PATH}
        TimeoutStartSec=10min

        [Install]
        WantedBy=multi-user.target
        """)


NVIDIA_DRIVER: GuestFeature[NvidiaDriver] = GuestFeature(
    files=lambda driver: [text_file(DRIVER_PATH, DRIVER_SCRIPT, "0755"), unit_file(DRIVER_UNIT, _unit())],
    enabled=(DRIVER_UNIT,),
    settle=WAIT_FOR_DRIVER,
    checks=lambda driver: {"gpu": CHECK},
)
