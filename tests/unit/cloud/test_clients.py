import asyncio
import urllib.request

import pytest

from dormouse.cloud.clients import Cloud
from tests.unit.twins import SETTINGS, stopped_clock


@pytest.mark.parametrize(("set_to", "proxied"), [({}, False), ({"https": "http://proxy:3128"}, True)])
def test_a_proxy_is_looked_for_at_each_request_only_where_one_is_set(
    set_to: dict[str, str], proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "getproxies", lambda: set_to)

    async def asked() -> bool:
        cloud = Cloud(SETTINGS, stopped_clock(0.0))
        try:
            assert cloud.transport.session is not None
            return bool(cloud.transport.session.trust_env)
        finally:
            await cloud.close()

    assert asyncio.run(asked()) is proxied
