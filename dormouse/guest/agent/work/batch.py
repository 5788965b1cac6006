"""Jobs of batch systems and CI agents, found by their processes; an agent that waits for work is not a job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..filesystem import FileSystem
from ..system.process_facts import words_of
from ..system.processes import Process, Processes
from .containers import JOB_OF_GITLAB, Docker

# One process of each of these is one job, or one part of a job.
WORKERS = frozenset({
    "Agent.Worker", "Runner.Worker", "condor_starter", "sge_shepherd", "flux-shell",
    "gitlab-runner-h", "gitlab-runner-b",  # GitLab's helpers in containers; the kernel truncates their names
})  # fmt: skip
# Their jobs are child processes; while they wait, they have none.
LISTENERS = frozenset({"gitlab-runner", "pbs_mom"})
SLURM_STEP = re.compile(r"slurmstepd: \[(?P<job>\d+)")
# Idle workers of Ray, and its own services.
RAY_IDLE = re.compile(r"ray::(IDLE.*|Dashboard.*|RuntimeEnv.*)")
# Apptainer and Singularity: a program in a container, but not a service (an "instance").
STARTER = re.compile(r"starter(-suid)?")
SCRIPTS = frozenset({"sh", "bash", "dash"})
JENKINS_AGENT = re.compile(r"(.*/)?(agent|remoting|slave)\.jar")
# Jenkins runs a step in a script that survives the agent.
JENKINS_STEP = re.compile(r".*@tmp/durable-\w+/(script|jenkins-wrap)\.sh(\.copy)?")


class BatchJobs:
    """The number of jobs of Slurm, PBS, Grid Engine, HTCondor, Flux, Ray and CI agents, and of Apptainer programs."""

    name = "batch jobs"
    signals = ("batch_jobs",)

    def __init__(self, filesystem: FileSystem, processes: Processes, docker: Docker) -> None:
        self._filesystem = filesystem
        self._processes = processes
        self._docker = docker

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current number; a job with several steps counts once."""
        every = self._processes.at(moment)
        found = {job for pid, process in every.items() for job in self._jobs_of(pid, process, every)}
        if any(process.name == "gitlab-runner" for process in every.values()):
            found |= {each["Id"] for each in self._docker.running() if JOB_OF_GITLAB in (each.get("Labels") or {})}
        return {"batch_jobs": len(found)}

    def _jobs_of(self, pid: int, process: Process, every: Mapping[int, Process]) -> Iterator[str]:
        """The key of the job to which a process belongs, if any."""
        parent = every.get(process.parent)
        if process.name in WORKERS or self._runs_a_job(pid, process):
            yield str(pid)
        elif process.name == "slurmstepd":
            # `slurmstepd infinity` runs as long as Slurm does.
            if match := SLURM_STEP.match(self._command(pid)):
                yield f"slurm {match['job']}"
        elif parent is not None and parent.name in LISTENERS and process.name not in LISTENERS:
            yield f"below {process.parent}"
        elif self._is_of_jenkins(pid, process, parent):
            yield "jenkins"

    def _runs_a_job(self, pid: int, process: Process) -> bool:
        """Whether the command line of a process shows that it runs a job."""
        if process.name.startswith("ray::"):
            # The kernel truncates the name to 15 characters.
            return not RAY_IDLE.match(self._command(pid) or process.name)
        if STARTER.fullmatch(process.name):
            return " instance" not in self._command(pid)
        return process.name == "buildkite-agent" and "bootstrap" in words_of(self._filesystem, pid)[1:2]

    def _is_of_jenkins(self, pid: int, process: Process, parent: Process | None) -> bool:
        if parent is not None and parent.name == "java" and self._is_jenkins_agent(process.parent):
            return True
        return process.name in SCRIPTS and any(map(JENKINS_STEP.fullmatch, words_of(self._filesystem, pid)))

    def _is_jenkins_agent(self, pid: int) -> bool:
        return any(map(JENKINS_AGENT.fullmatch, words_of(self._filesystem, pid)))

    def _command(self, pid: int) -> str:
        return " ".join(words_of(self._filesystem, pid))
