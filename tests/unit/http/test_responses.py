"""Answers: where an accepted operation can be watched."""

import json

from dormouse.http.responses import accepted


def test_an_address_is_ascii_whatever_a_machine_is_called() -> None:
    answer = accepted("grüppe:vm-stop-01ARZ3NDEKTSV4RRFFQ69G5FAV")
    location = answer.headers["Location"]
    assert location.isascii()
    assert location.startswith("/api/operations/gr%C3%BCppe:vm-stop-")
    assert json.loads(answer.get_body())["operation"].startswith("grüppe")
