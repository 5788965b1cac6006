"""Containers: those of Docker, Podman, containerd, Kubernetes, Apptainer and the like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..filesystem import Places, Unknown
from ..http_client import ask_socket
from ..system.command_lines import value_of
from ..system.process_facts import words_of
from ..system.processes import Process, Processes

ROOTFUL = "/var/run/docker.sock"
USERS = "/run/user"
JOB_OF_GITLAB = "com.gitlab.gitlab-runner.job.id"
# containerd has one of these for each container, or for each pod; the kernel keeps 15 letters of the name.
SHIM = "containerd-shim"
DOCKERS_NAMESPACE = "moby"
FOLDER_OF_TASKS = "io.containerd.runtime.v2.task"
NAMESPACE_OF_POD = re.compile(r"io\.(kubernetes\.cri\.sandbox-namespace|kubernetes\.pod\.namespace)")
# What a cluster runs on every node for itself.
OF_THE_CLUSTER = re.compile(r"kube-.*|.*-system|gpu-operator|cattle-.*")
# What holds a pod together, and what is run in a container in passing.
CONMON_OF_NO_CONTAINER = re.compile(r"k8s_POD_|_kube-system_|--exec-attach|--exec-process-spec")
OTHER_SUPERVISORS = re.compile(r"systemd-nspawn|lxc-start|starter(-suid)?")


class Docker:
    """The Dockers of the machine: the system's, and those of users."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def sockets(self) -> list[str]:
        """Where they can be asked."""
        paths = [ROOTFUL, *(f"{USERS}/{name}/docker.sock" for name in self._places.names(USERS))]
        return [path for path in paths if self._places.at(path).exists()]

    def running(self) -> list[dict[str, Any]]:
        """The containers that run; raises Unknown if one of them does not say."""
        return list({each["Id"]: each for path in self.sockets() for each in self._asked(path)}.values())

    def _asked(self, path: str) -> list[dict[str, Any]]:
        try:
            answer = ask_socket(str(self._places.at(path)), "/containers/json", seconds=2.0, most_bytes=4 << 20)
        except OSError as error:
            raise Unknown(f"Docker at {path} does not answer: {error}") from error
        running = json.loads(answer.content)
        if answer.status != 200 or not isinstance(running, list):
            raise Unknown(f"Docker at {path} answers {answer.status}")
        return running


class Containers:
    """Containers that run, without what a cluster runs on every node for itself."""

    name = "containers"
    signals = ("containers",)

    def __init__(self, places: Places, processes: Processes, docker: Docker) -> None:
        self._places = places
        self._processes = processes
        self._docker = docker

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are; raises Unknown if Docker lists none while containers of Docker run."""
        every = self._processes.at(moment)
        shims = list(self._shims(every))
        others = sum(self._is_supervisor(pid, process) for pid, process in every.items())
        others += sum(not self._is_of_the_cluster(words) for words in shims if not _is_of_docker(words))
        dockers = sum(map(_is_of_docker, shims))
        listed = self._docker.running()
        if dockers and not listed and self._docker.sockets():
            raise Unknown(f"Docker lists no container, and {dockers} of its containers run")
        own = [each for each in listed if not _is_listed_for_the_cluster(each)]
        # Docker in a container lists its own itself.
        return {"containers": others + (max(len(own), dockers - len(listed) + len(own)) if listed else dockers)}

    def _shims(self, every: Mapping[int, Process]) -> Iterator[list[str]]:
        for pid, process in every.items():
            if process.name.startswith(SHIM):
                yield words_of(self._places, pid)

    def _is_supervisor(self, pid: int, process: Process) -> bool:
        if process.name.startswith("conmon"):
            return CONMON_OF_NO_CONTAINER.search(" ".join(words_of(self._places, pid))) is None
        return OTHER_SUPERVISORS.fullmatch(process.name) is not None

    def _is_of_the_cluster(self, words: list[str]) -> bool:
        """Whether a pod belongs to the cluster itself, as the description says that containerd keeps of it."""
        address, namespace, identifier = (value_of(option, words) for option in ("-address", "-namespace", "-id"))
        # Of containerd itself in /run/containerd, of k3s in /run/k3s/containerd.
        folder = address.rpartition("/")[0] or "/run/containerd"
        path = f"{folder}/{FOLDER_OF_TASKS}/{namespace}/{identifier}/config.json"
        try:
            annotations: Mapping[str, str] = json.loads(self._places.text(path)).get("annotations") or {}
        except (OSError, ValueError, AttributeError):
            return False
        said = (value for name, value in annotations.items() if NAMESPACE_OF_POD.fullmatch(name))
        return any(OF_THE_CLUSTER.fullmatch(value) for value in said)


def _is_of_docker(words: list[str]) -> bool:
    return value_of("-namespace", words) == DOCKERS_NAMESPACE


def _is_listed_for_the_cluster(container: Mapping[str, Any]) -> bool:
    """Whether Docker runs it for Kubernetes, to hold a pod together or for the cluster itself."""
    labels = container.get("Labels") or {}
    if labels.get("io.kubernetes.docker.type") == "podsandbox":
        return True
    return OF_THE_CLUSTER.fullmatch(str(labels.get("io.kubernetes.pod.namespace", ""))) is not None
