"""Work that a batch system or a CI agent looks after, found by its processes; agents that wait for work are none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..filesystem import Places
from ..system.process_facts import words_of
from ..system.processes import Process, Processes
from .containers import JOB_OF_GITLAB, Docker

# One process of each of these is one job, or one part of a job.
WORKERS = frozenset({
    "Agent.Worker", "Runner.Worker", "condor_starter", "sge_shepherd", "flux-shell",
    "gitlab-runner-h", "gitlab-runner-b",  # GitLab's helpers in containers, as the kernel shortens them
})  # fmt: skip
# Each has what it runs below it, and nothing while it waits.
LISTENERS = frozenset({"gitlab-runner", "pbs_mom"})
SLURM_STEP = re.compile(r"slurmstepd: \[(?P<job>\d+)")
# Workers of Ray that wait, and its own services.
RAY_AT_REST = re.compile(r"ray::(IDLE.*|Dashboard.*|RuntimeEnv.*)")
# Apptainer and Singularity: a program in a container that a person or a job started, and not a service (an "instance").
STARTER = re.compile(r"starter(-suid)?")
SCRIPTS = frozenset({"sh", "bash", "dash"})
JENKINS_AGENT = re.compile(r"(.*/)?(agent|remoting|slave)\.jar")
# Jenkins runs a step by a script that goes on if the agent dies.
JENKINS_STEP = re.compile(r".*@tmp/durable-\w+/(script|jenkins-wrap)\.sh(\.copy)?")


class BatchJobs:
    """Jobs of Slurm, PBS, Grid Engine, HTCondor, Flux and Ray, of CI agents, and programs of Apptainer."""

    name = "batch jobs"
    signals = ("batch_jobs",)

    def __init__(self, places: Places, processes: Processes, docker: Docker) -> None:
        self._places = places
        self._processes = processes
        self._docker = docker

    def look(self, moment: float, since: float) -> dict[str, float]:
        """How many there are; a job of several steps is one."""
        every = self._processes.at(moment)
        found = {job for pid, process in every.items() for job in self._jobs_of(pid, process, every)}
        if any(process.name == "gitlab-runner" for process in every.values()):
            found |= {each["Id"] for each in self._docker.running() if JOB_OF_GITLAB in (each.get("Labels") or {})}
        return {"batch_jobs": len(found)}

    def _jobs_of(self, pid: int, process: Process, every: Mapping[int, Process]) -> Iterator[str]:
        """What to call the job that a process is of, if it is of one."""
        parent = every.get(process.parent)
        if process.name in WORKERS or self._is_at_work(pid, process):
            yield str(pid)
        elif process.name == "slurmstepd":
            # `slurmstepd infinity` is there as long as Slurm is.
            if match := SLURM_STEP.match(self._command(pid)):
                yield f"slurm {match['job']}"
        elif parent is not None and parent.name in LISTENERS and process.name not in LISTENERS:
            yield f"below {process.parent}"
        elif self._is_of_jenkins(pid, process, parent):
            yield "jenkins"

    def _is_at_work(self, pid: int, process: Process) -> bool:
        """Whether it is a process whose command says that it works."""
        if process.name.startswith("ray::"):
            # The kernel keeps 15 letters of the name only.
            return not RAY_AT_REST.match(self._command(pid) or process.name)
        if STARTER.fullmatch(process.name):
            return " instance" not in self._command(pid)
        return process.name == "buildkite-agent" and "bootstrap" in words_of(self._places, pid)[1:2]

    def _is_of_jenkins(self, pid: int, process: Process, parent: Process | None) -> bool:
        if parent is not None and parent.name == "java" and self._is_jenkins_agent(process.parent):
            return True
        return process.name in SCRIPTS and any(map(JENKINS_STEP.fullmatch, words_of(self._places, pid)))

    def _is_jenkins_agent(self, pid: int) -> bool:
        return any(map(JENKINS_AGENT.fullmatch, words_of(self._places, pid)))

    def _command(self, pid: int) -> str:
        return " ".join(words_of(self._places, pid))
