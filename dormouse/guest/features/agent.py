"""The agent on a machine."""

from dormouse.guest.features.feature import GuestFeature
from dormouse.guest.installation import AGENT_UNIT, installed_files
from dormouse.resources.features import Agent

CHECK = rf"""
  if [ "$(systemctl is-active {AGENT_UNIT})" = active ]; then say agent passed "the agent is running"
  else say agent waiting "the agent is not running yet"; fi
"""

AGENT: GuestFeature[Agent] = GuestFeature(
    files=lambda agent: installed_files(agent.control_plane, agent.audience),
    started=(AGENT_UNIT,),
    checks=lambda agent: {"agent": CHECK},
)
