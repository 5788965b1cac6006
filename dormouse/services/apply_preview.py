"""The dry run of a PUT: what applying the desired state would do, cost, and be refused."""

import asyncio
import json
from typing import Any

from pydantic_core import PydanticUndefined

from dormouse import serialization
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.resources.graph import in_order
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import with_implied
from dormouse.services.apply import DesiredState, plans_elsewhere
from dormouse.services.costs.pricing import billed_in_plan, price_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.operations import RefusalView
from dormouse.services.views.previews import ApplyPreview, Change, PlannedAlternative, PlannedResource, ResourceAction


async def preview_of(desired: DesiredState, dependencies: Dependencies) -> ApplyPreview:
    """What applying the desired state would do; nothing is changed."""
    plan = desired.plan
    billed = billed_in_plan(plan)
    cost, survey = await asyncio.gather(
        price_of(plan.region, billed, dependencies), dependencies.survey.of(plan, new=desired.record is None)
    )
    resources = tuple(
        PlannedResource(one.name, one.kind, one.id or None, one.needs, _action(one.name, survey.existing, plan))
        for one in in_order(plan.resources)
    )
    refusals = tuple(RefusalView.of(refusal) for refusal in survey.refusals)
    would: Change = "nothing" if desired.existing and not desired.changes else "change" if survey.existing else "create"
    monthly = cost.running.a_month if cost.running else None
    elsewhere = plans_elsewhere(desired)
    prices = await asyncio.gather(*(price_of(one.region, billed_in_plan(one), dependencies) for _, one in elsewhere))
    others = tuple(
        PlannedAlternative(where.region, where.size or None, where.zone or None, price.running)
        for (where, _), price in zip(elsewhere, prices, strict=True)
    )
    return ApplyPreview(
        plan.environment,
        plan.blueprint,
        plan.region,
        would,
        resources,
        cost.running,
        monthly,
        billed.covers,
        refusals,
        (*survey.warnings, *desired.spec.warnings()),
        others,
        plan.depends_on,
        _spec_changes(desired.record.spec, desired.spec) if desired.record else (),
        cost.asleep,
        cost.unpriced,
        billed.by_use,
        drift=await dependencies.environments.existing(_dropped(desired)),
    )


def _spec_changes(recorded: str, asked: EnvironmentSpec) -> tuple[str, ...]:
    """The fields of a spec whose values differ from the recorded ones; a field of a newer release had its default."""
    fields = type(asked).model_fields
    try:
        known: Any = json.loads(recorded)
    except ValueError:
        known = None
    before = known if isinstance(known, dict) else {}
    now: dict[str, Any] = serialization.encode(asked)
    return tuple(name for name, value in now.items() if before.get(name, _default(fields[name])) != value)


def _default(field: Any) -> Any:
    default = field.get_default(call_default_factory=True)
    return None if default is PydanticUndefined else serialization.encode(default)


def _dropped(desired: DesiredState) -> list[Resource]:
    """The resources that specs so far have named, and this one does not."""
    known = desired.record.resources if desired.record else ()
    wanted = {one.id.lower() for one in with_implied(desired.plan)}
    return [one for one in known if one.id.lower() not in wanted]


def _action(name: str, existing: tuple[str, ...], plan: Plan) -> ResourceAction:
    if name not in existing:
        return "create"
    return "update" if name in plan.changed else "unchanged"
