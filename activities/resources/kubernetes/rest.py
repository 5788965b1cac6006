"""The rest of a cluster after its stop: Azure asks for 15 to 30 minutes before the next start.

https://learn.microsoft.com/azure/aks/start-stop-cluster
"""

from dormouse.clock import MINUTE, parse_moment
from dormouse.cloud.deployment_tables import DeploymentTables
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records

REST = 15 * MINUTE
LAST_OPERATIONS = 20


async def rest_after_stop(environment: str, tables: DeploymentTables) -> float:
    """The earliest start of the cluster of an environment, in seconds since 1970; 0.0 if no recent stop is on record.

    Raises CloudUnavailable. Azure does not show when a cluster was stopped, so that one of others is not known.
    """
    if not environment:
        return 0.0
    found, _ = await Records(tables).operations(limit=LAST_OPERATIONS, environment=environment)
    return rest_until([one for one in found if isinstance(one, OperationRecord)])


def rest_until(newest_first: list[OperationRecord]) -> float:
    """The earliest start after the last stop among these operations; 0.0 if there is none."""
    for one in newest_first:
        stopped = one.verb is Verb.STOP and one.outcome and one.outcome.status is OutcomeStatus.SUCCEEDED
        if stopped and one.ended_at:
            return parse_moment(one.ended_at) + REST
    return 0.0
