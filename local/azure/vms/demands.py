"""Demands of jobs of Azure Pipelines, and whether an agent's capabilities satisfy them."""

from collections.abc import Mapping

from local.azure.core.store import Document


def satisfies(agent: Document, job: Document) -> bool:
    """Whether an agent can run a job: it has every capability that the job demands.

    https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/pool-demands
    """
    capabilities = {name.lower(): str(value) for name, value in agent["capabilities"].items()}
    return all(_holds(str(demand), capabilities) for demand in job.get("demands") or [])


def _holds(demand: str, capabilities: Mapping[str, str]) -> bool:
    name, _, condition = demand.strip().partition(" ")
    operator, _, wanted = condition.strip().partition(" ")
    given = capabilities.get(name.lower())
    if given is None:
        return False
    if operator.lower() == "-gtversion":  # satisfied by the same version, too
        return _version(given) >= _version(wanted)
    return not operator or given.lower() == wanted.strip().lower()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip().split(".") if part.isdigit())
