"""The check that a pod on the GPU pool sees its GPUs: a job, and what its pods and events say about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from dormouse.clock import parse_moment
from dormouse.environments.results import Check, HealthCheckResult
from dormouse.resources.kinds import Observed
from dormouse.resources.kubernetes.manifests import CONFINED, GPU, MANAGED, NAME_LABEL, TOLERATION, Manifest
from dormouse.resources.kubernetes.node_pools import LABEL
