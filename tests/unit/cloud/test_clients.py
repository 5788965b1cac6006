import asyncio
import os
from dataclasses import replace

import pytest

from dormouse.cloud.clients import Cloud
from tests.unit.twins import SETTINGS, stopped_clock


@pytest.mark.parametrize(("proxy", "looked_for"), [("", False), ("http://proxy:3128", True)])
def test_a_proxy_is_looked_for_at_each_request_only_where_one_is_set(
    proxy: str, looked_for: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    async def asked() -> bool:
        cloud = Cloud(SETTINGS, stopped_clock(0.0))
        try:
            assert cloud.transport.session is not None
            return bool(cloud.transport.session.trust_env)
        finally:
            await cloud.close()

    assert asyncio.run(asked()) is looked_for


def test_there_is_one_client_of_each_table_of_the_deployment() -> None:
    async def clients() -> bool:
        cloud = Cloud(replace(SETTINGS, deployment_id="second"), stopped_clock(0.0))
        try:
            first, again, other = (cloud.tables.get_table_client(name) for name in ("locks", "locks", "reports"))
            assert (first.table_name, other.table_name) == ("secondlocks", "secondreports")
            return first is again and first is not other
        finally:
            await cloud.close()

    assert asyncio.run(clients())
