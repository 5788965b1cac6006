"""Demands of jobs of Azure Pipelines: which capabilities an agent must have to run them.

https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/pool-demands
"""

from collections.abc import Iterable, Mapping

EQUALS, AT_LEAST = "-equals", "-gtversion"


def satisfied(demands: Iterable[str], capabilities: Mapping[str, str]) -> bool:
    """Whether an agent with these capabilities can run a job with these demands; a demand that cannot be read is not met."""
    known = {name.lower(): value for name, value in capabilities.items()}
    return all(_is_met(demand.split(maxsplit=2), known) for demand in demands)


def _is_met(words: list[str], capabilities: Mapping[str, str]) -> bool:
    """Whether one demand is met: a name alone, or with a comparison; case does not count."""
    given = capabilities.get(words[0].lower()) if words else None
    match [word.lower() for word in words[1:]]:
        case _ if given is None:
            return False
        case []:
            return True
        case [operator, wanted] if operator == EQUALS:
            return given.lower() == wanted.strip()
        case [operator, wanted] if operator == AT_LEAST:
            # In spite of its name, it is met by the same version: `DemandMinimumVersion` in the client of Azure DevOps,
            # https://github.com/microsoft/azure-pipelines-agent
            return _is_at_least(given, wanted)
    return False


def _is_at_least(given: str, wanted: str) -> bool:
    try:
        return _version(given) >= _version(wanted)
    except ValueError:
        return False


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip().split("."))
