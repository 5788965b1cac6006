"""What differs between a plan and Azure: what is changed in place, and the faults of what cannot be."""

from collections.abc import Sequence, Set
from dataclasses import replace

from activities.resources.survey import Survey
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.environments.preflight import asleep_inside, blocked_changes
from dormouse.environments.results import PreflightResult
from dormouse.errors import Fault, InvalidSpec, RefusedByAzure
from dormouse.resources.plan import Plan
from dormouse.resources.registry import kind_of, with_changeable_parts


async def survey_of_change(plan: Plan, known: Sequence[Fault], survey: Survey) -> PreflightResult:
    """What Azure shows of what a plan may change; raises CloudUnavailable and RefusedByAzure.

    With known faults of the change, raises InvalidSpec with them instead of RefusedByAzure: nothing is changed anyway.
    """
    try:
        return await survey.of(with_changeable_parts(plan), checks=False)
    except RefusedByAzure:
        if known:
            raise InvalidSpec(known) from None
        raise


def with_changes(plan: Plan, changed: Set[str], survey: PreflightResult) -> Plan:
    """The plan that changes these resources and those that drifted, with what was observed of the latter."""
    before = {one.name: {each.field: each.observed for each in one.differences} for one in survey.differing}
    own = {resource.name for resource in plan.resources}
    resources = [
        replace(one, before=before.get(one.name, {}))
        for one in with_changeable_parts(plan).resources
        if one.name in own or one.name in survey.drifted
    ]
    ordered = tuple(one.name for one in resources if one.name in changed or one.name in survey.drifted)
    return replace(plan, resources=tuple(resources), changed=ordered)


def takes_new_secrets(plan: Plan, survey: PreflightResult) -> set[str]:
    """The names of the resources inside machines that get a secret which does not exist yet, so that they are put again."""
    missing = {one.name for one in plan.resources if kind_of(one).rotatable and one.name not in survey.existing}
    return {one.name for one in plan.resources if kind_of(one).scripted_field and missing & set(one.needs)}


def asleep_fields(plan: Plan, changed: Set[str], survey: PreflightResult) -> list[Fault]:
    """The faults of fields whose changes are made inside machines, if those do not run."""
    found = asleep_inside(replace(plan, changed=tuple(changed)), survey.statuses)
    return [Fault(f"/{kind_of(one).scripted_field}", words) for one, words in found]


def blocked_fields(spec: EnvironmentSpec, survey: PreflightResult, known: Sequence[Fault]) -> list[Fault]:
    """The faults of what Azure cannot change as it is now, beside those that are known; each points at the spec's field."""
    found, hibernated = [], any(status.hibernated for status in survey.statuses)
    for difference, words in blocked_changes(survey.differing, hibernated=hibernated):
        path = f"/{difference.field.replace('.', '/')}"
        pointer = path if path.split("/")[1] in type(spec).model_fields else ""
        if not any(f"{fault.pointer}/".startswith(f"{pointer}/") for fault in known):
            found.append(Fault(pointer, words))
    return list(dict.fromkeys(found))
