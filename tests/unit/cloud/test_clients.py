import asyncio
import os

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
