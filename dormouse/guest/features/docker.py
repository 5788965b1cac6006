"""Docker from its own repository, and the GPUs of the machine in its containers.

https://docs.docker.com/engine/install/ubuntu
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html
"""

from collections.abc import Mapping, Sequence

from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.files import GuestFile, text_file
from dormouse.resources.features import Docker

# The signing keys of the two repositories, by their primary fingerprints.
DOCKER_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
TOOLKIT_KEY = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"
# It has Python, to initialize CUDA; the toolkit adds nvidia-smi and the libraries of the driver.
IMAGE = "python:3.12.11-slim-bookworm"
CHECK_PATH = "/usr/local/sbin/dormouse-container-gpu"
RULE_PATH = "/etc/udev/rules.d/71-dormouse-nvidia-dev-char.rules"
SYMLINKS = "/usr/bin/nvidia-ctk system create-dev-char-symlinks --create-all"

# Without these symbolic links, systemd takes the GPUs from running containers at any daemon-reload, such as that of an
# installation. https://github.com/NVIDIA/nvidia-docker/issues/1730
RULE = f'ACTION=="add", DEVPATH=="/bus/pci/drivers/nvidia", RUN+="{SYMLINKS}"\n'

INSTALL = rf"""
key_of() {{  # URL, fingerprint, file
  if [ ! -s "$3" ]; then
    mkdir -p "$(dirname "$3")"
    curl -fsSL --retry 10 --retry-all-errors -o "$3.new" "$1"
    gpg --show-keys --with-colons "$3.new" | grep -q "$2"
    chmod 0644 "$3.new"
    mv "$3.new" "$3"
  fi
}}
key_of https://download.docker.com/linux/ubuntu/gpg {DOCKER_KEY} /etc/apt/keyrings/docker.asc
echo "deb [arch=$(dpkg --print-architecture) signed-by=/etc/apt/keyrings/docker.asc]" \
  "https://download.docker.com/linux/ubuntu $VERSION_CODENAME stable" > /etc/apt/sources.list.d/docker.list
apt update
apt install docker-ce docker-ce-cli containerd.io
systemctl enable --now docker
"""

# The image is for the health check only, which says if it is missing: the setup does not fail without it.
INSTALL_TOOLKIT = rf"""
toolkit=https://nvidia.github.io/libnvidia-container
key_of $toolkit/gpgkey {TOOLKIT_KEY} /usr/share/keyrings/nvidia-container-toolkit-keyring.asc
curl -fsSL --retry 10 --retry-all-errors $toolkit/stable/deb/nvidia-container-toolkit.list \
  | sed 's#deb https://#deb [signed-by=/usr/share/keyrings/nvidia-container-toolkit-keyring.asc] https://#g' \
  > /etc/apt/sources.list.d/nvidia-container-toolkit.list
apt update
apt install nvidia-container-toolkit
{SYMLINKS}
if ! docker info --format '{{{{json .Runtimes}}}}' | grep -q '"nvidia"'; then
  nvidia-ctk runtime configure --runtime=docker
  systemctl restart docker
fi
docker image inspect {IMAGE} >/dev/null || docker pull --quiet {IMAGE} || true
"""

CHECK_SCRIPT = r"""#!/bin/bash
# Written by the control plane; says whether GPUs work on this machine and in containers: a result, and why.
cuda='import ctypes; raise SystemExit(ctypes.CDLL("libcuda.so.1").cuInit(0))'
if ! seen=$(timeout 30 nvidia-smi -L 2>&1); then
  echo "waiting nvidia-smi does not work on the machine: ${seen:0:120}"; exit
fi
if ! seen=$(timeout 30 python3 -c "$cuda" 2>&1); then
  echo "waiting CUDA cannot be initialized on the machine: ${seen:0:120}"; exit
fi
said=$(timeout 60 docker run --rm --gpus all --network none @IMAGE@ sh -c "nvidia-smi -L && python3 -c '$cuda'" 2>&1)
status=$?
case "$said" in
  *"could not select device driver"*)
    echo "failed Docker has no NVIDIA runtime: it was not restarted since nvidia-ctk has configured it" ;;
  *"manifest unknown"*|*"manifest for "*" not found"*)
    echo "failed the image @IMAGE@ is gone from its registry; this says nothing about the GPU" ;;
  *)
    if [ $status = 0 ]; then echo "passed GPUs work on the machine and in containers"
    else echo "waiting GPUs do not work in containers yet: $(tr '\n' ' ' <<< "${said: -160}")"; fi ;;
esac
""".replace("@IMAGE@", IMAGE)

CHECK = r"""
  if [ "$(systemctl is-active docker)" = active ]; then say docker passed "Docker is running"
  else say docker waiting "Docker is not running yet"; fi
"""

CHECK_GPU = r"""
  local seen
  seen=$(dormouse-container-gpu)
  say container-gpu "${seen%% *}" "${seen#* }"
"""


def _files(docker: Docker) -> Sequence[GuestFile]:
    return [text_file(RULE_PATH, RULE), text_file(CHECK_PATH, CHECK_SCRIPT, "0755")] if docker.gpu else []


def _checks(docker: Docker) -> Mapping[str, str]:
    return {"docker": CHECK, **({"container-gpu": CHECK_GPU} if docker.gpu else {})}


DOCKER: GuestFeature[Docker] = GuestFeature(
    _files, install=lambda docker: INSTALL + (INSTALL_TOOLKIT if docker.gpu else ""), checks=_checks
)
