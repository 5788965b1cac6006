"""Sleep targets: what verdicts and decisions know about something that can be put to sleep. A VM is one of them."""

from collections.abc import Mapping
from typing import Protocol

from dormouse.lifecycle import State


class SleepTarget(Protocol):
    """Something that sweeps watch, stop and start; VMs (`dormouse.resources.compute.machines`) are such.

    Another kind of target needs a class with these properties, a source of evidence in `activities.idle.evaluate`, and
    `power` in the registry of its kind. Verdicts and decisions stay as they are.
    """

    @property
    def id(self) -> str:
        """The resource ID."""

    @property
    def kind(self) -> str:
        """The kind of resource."""

    @property
    def name(self) -> str:
        """The name that users know."""

    @property
    def state(self) -> State:
        """The power state as Azure shows it."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags, with names in lower case."""

    @property
    def region(self) -> str:
        """The Azure region."""

    @property
    def size(self) -> str:
        """What is billed by the hour."""

    @property
    def created(self) -> float:
        """When it was created, in seconds since 1970; 0.0 if unknown."""

    @property
    def environment(self) -> str:
        """The environment that it belongs to according to the records, or ""."""

    @property
    def provisioning(self) -> str:
        """The provisioning state in Azure's words, or ""."""

    @property
    def vm_id(self) -> str:
        """Azure's ID that distinguishes it from an earlier one with the same resource ID; "" if there is none."""

    @property
    def has_gpu(self) -> bool:
        """Whether evidence about GPUs is required."""

    @property
    def managed_by_others(self) -> bool:
        """Whether a service other than Dormouse starts and stops it."""

    @property
    def ephemeral_disk(self) -> bool:
        """Whether it would lose its data if it were stopped."""

    @property
    def can_hibernate(self) -> bool:
        """Whether it can be suspended to disk instead of stopped."""
