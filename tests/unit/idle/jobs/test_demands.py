"""Demands of jobs: which capabilities satisfy them."""

import pytest

from dormouse.idle.jobs.demands import satisfied

CAPABILITIES = {"Agent.Version": "5.277.0", "Agent.OS": "Linux", "docker": "/usr/bin/docker"}


@pytest.mark.parametrize(
    "demands",
    [
        [],
        ["docker"],
        ["DOCKER", "Agent.OS -equals linux"],
        ["Agent.Version -gtVersion 2.163.1"],
        ["Agent.Version -gtVersion 5.277.0"],
    ],
)
def test_demands_that_are_met(demands: list[str]) -> None:
    assert satisfied(demands, CAPABILITIES)


@pytest.mark.parametrize(
    "demands",
    [
        ["npm"],
        ["docker", "npm"],
        ["Agent.OS -equals Windows_NT"],
        ["Agent.Version -gtVersion 5.277.1"],
        ["Agent.Version -gtVersion new"],
        ["Agent.OS -gtVersion 1.0"],
        ["Agent.OS -equals"],
        ["Agent.OS -unknown Linux"],
        [""],
    ],
)
def test_demands_that_are_not_met_or_cannot_be_read(demands: list[str]) -> None:
    assert not satisfied(demands, CAPABILITIES)
