"""Tags of adopted machines: those of a machine that another deployment has adopted are left alone."""

import asyncio
from typing import Any

import pytest

from activities.machines import tag_machine, untag_machine
from dormouse.environments.answers import Done, Refused
from dormouse.environments.operations import Adoption
from dormouse.resources.compute.machines import parts_of_machine_id
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import IDENTIFIER
from tests.unit.twins import SETTINGS

OURS = {"dormouse-idle": "on", "dormouse-deployment": "main"}
SUBSCRIPTION, GROUP, NAME = parts_of_machine_id(IDENTIFIER)
ADOPTION = Adoption("o", "l", IDENTIFIER, GROUP, NAME, SUBSCRIPTION, OURS, agent=False)


@pytest.mark.parametrize("change", [tag_machine, untag_machine])
@pytest.mark.parametrize("tag", ["dormouse-deployment", "Dormouse-Deployment"])
def test_a_machine_that_another_deployment_has_adopted_since_is_not_changed(change: Any, tag: str) -> None:
    assert SETTINGS.deployment_id == "main"
    azure = Azure({IDENTIFIER: {"id": IDENTIFIER, "tags": {"dormouse-idle": "on", tag: "staging"}}})
    answer = asyncio.run(change(ADOPTION, cloud_over(azure)))
    assert isinstance(answer, Refused)
    assert answer.refusal.detail.startswith("Deployment staging of the control plane watches the machine")
    assert [asked.split()[0] for asked in azure.asked] == ["GET"]
    tagged = {"id": IDENTIFIER, "tags": OURS if change is tag_machine else {"team": "a"}}
    assert asyncio.run(change(ADOPTION, cloud_over(Azure({IDENTIFIER: tagged})))) == Done()
