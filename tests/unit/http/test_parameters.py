"""Parameters of requests: cursors."""

import azure.functions as func
import pytest

from dormouse import errors
from dormouse.http.parameters import AFTER, cursor_of


@pytest.mark.parametrize("text", ["", "rubbish", "!", cursor_of(""), cursor_of("x" * 1024), "MQ"])
def test_an_invalid_cursor_is_rejected(text: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="must be a cursor"):
        AFTER.of(func.HttpRequest(method="GET", url="/api/x", params={"after": text}, body=b""))


def test_a_cursor_round_trips() -> None:
    for place in ("ml1", "7", "ü/ ?&="):
        assert AFTER.of(func.HttpRequest(method="GET", url="/api/x", params={"after": cursor_of(place)}, body=b"")) == place
