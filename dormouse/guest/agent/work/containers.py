"""Running containers of Docker, Podman, containerd, Kubernetes, Apptainer and others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..filesystem import FileSystem, Unknown
from ..http_client import get_from_socket
from ..system.command_lines import option_value
from ..system.process_facts import words_of
from ..system.processes import Process, Processes

ROOTFUL = "/var/run/docker.sock"
USERS = "/run/user"
JOB_OF_GITLAB = "com.gitlab.gitlab-runner.job.id"
# containerd runs one for each container or pod; the kernel truncates the name to 15 characters.
SHIM = "containerd-shim"
DOCKERS_NAMESPACE = "moby"
FOLDER_OF_TASKS = "io.containerd.runtime.v2.task"
NAMESPACE_OF_POD = re.compile(r"io\.(kubernetes\.cri\.sandbox-namespace|kubernetes\.pod\.namespace)")
# Namespaces of what a cluster runs on every node for itself.
OF_THE_CLUSTER = re.compile(r"kube-.*|.*-system|gpu-operator|cattle-.*")
# The pause container of a pod, and commands executed in a container.
CONMON_OF_NO_CONTAINER = re.compile(r"k8s_POD_|_kube-system_|--exec-attach|--exec-process-spec")
OTHER_SUPERVISORS = re.compile(r"systemd-nspawn|lxc-start|starter(-suid)?")


class Docker:
    """The Docker daemons of the machine: the system's and those of users (rootless)."""

    def __init__(self, filesystem: FileSystem) -> None:
        self._filesystem = filesystem

    def sockets(self) -> list[str]:
        """The paths of their sockets."""
        paths = [ROOTFUL, *(f"{USERS}/{name}/docker.sock" for name in self._filesystem.names(USERS))]
        return [path for path in paths if self._filesystem.at(path).exists()]

    def running(self) -> list[dict[str, Any]]:
        """The running containers of all daemons; raises Unknown if one does not answer."""
        return list({each["Id"]: each for path in self.sockets() for each in self._list(path)}.values())

    def _list(self, path: str) -> list[dict[str, Any]]:
        try:
            answer = get_from_socket(str(self._filesystem.at(path)), "/containers/json", seconds=2.0, most_bytes=4 << 20)
        except OSError as error:
            raise Unknown(f"Docker at {path} does not answer: {error}") from error
        running = json.loads(answer.content)
        if answer.status != 200 or not isinstance(running, list):
            raise Unknown(f"Docker at {path} answers {answer.status}")
        return running


class Containers:
    """The number of running containers, without those that a cluster runs on every node for itself."""

    name = "containers"
    signals = ("containers",)

    def __init__(self, filesystem: FileSystem, processes: Processes, docker: Docker) -> None:
        self._filesystem = filesystem
        self._processes = processes
        self._docker = docker

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current number; raises Unknown if Docker lists none although containers of Docker are running."""
        every = self._processes.at(moment)
        shims = list(self._shims(every))
        others = sum(self._is_supervisor(pid, process) for pid, process in every.items())
        others += sum(not self._is_of_the_cluster(words) for words in shims if not _is_of_docker(words))
        dockers = sum(map(_is_of_docker, shims))
        listed = self._docker.running()
        if dockers and not listed and self._docker.sockets():
            raise Unknown(f"Docker lists no containers, but {dockers} of its containers are running")
        own = [each for each in listed if not _is_listed_for_the_cluster(each)]
        # Containers of a Docker daemon inside a container are not in the list.
        return {"containers": others + (max(len(own), dockers - len(listed) + len(own)) if listed else dockers)}

    def _shims(self, every: Mapping[int, Process]) -> Iterator[list[str]]:
        for pid, process in every.items():
            if process.name.startswith(SHIM):
                yield words_of(self._filesystem, pid)

    def _is_supervisor(self, pid: int, process: Process) -> bool:
        if process.name.startswith("conmon"):
            return CONMON_OF_NO_CONTAINER.search(" ".join(words_of(self._filesystem, pid))) is None
        return OTHER_SUPERVISORS.fullmatch(process.name) is not None

    def _is_of_the_cluster(self, words: list[str]) -> bool:
        """Whether a pod belongs to the cluster itself, by the namespace in containerd's description of it."""
        address, namespace, identifier = (option_value(option, words) for option in ("-address", "-namespace", "-id"))
        # containerd uses /run/containerd, k3s uses /run/k3s/containerd.
        folder = address.rpartition("/")[0] or "/run/containerd"
        path = f"{folder}/{FOLDER_OF_TASKS}/{namespace}/{identifier}/config.json"
        try:
            annotations: Mapping[str, str] = json.loads(self._filesystem.text(path)).get("annotations") or {}
        except (OSError, ValueError, AttributeError):
            return False
        said = (value for name, value in annotations.items() if NAMESPACE_OF_POD.fullmatch(name))
        return any(OF_THE_CLUSTER.fullmatch(value) for value in said)


def _is_of_docker(words: list[str]) -> bool:
    return option_value("-namespace", words) == DOCKERS_NAMESPACE


def _is_listed_for_the_cluster(container: Mapping[str, Any]) -> bool:
    """Whether it is a pause container of Kubernetes, or belongs to the cluster itself."""
    labels = container.get("Labels") or {}
    if labels.get("io.kubernetes.docker.type") == "podsandbox":
        return True
    return OF_THE_CLUSTER.fullmatch(str(labels.get("io.kubernetes.pod.namespace", ""))) is not None
