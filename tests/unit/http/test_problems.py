"""Problems: every error has a status and a title."""

import asyncio
import json
from collections.abc import Iterator

import azure.functions as func

from dormouse import errors
from dormouse.errors import ControlPlaneError
from dormouse.http.problem_kinds import CODE_OF, STATUS_OF, TITLE_OF
from dormouse.http.problems import answers_problems, problem_of
from tests.unit.twins import request


def leaves(kind: type[ControlPlaneError]) -> Iterator[type[ControlPlaneError]]:
    """The leaf classes of the error tree; subclasses in other packages are treated like their base."""
    below = [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
    yield from (leaf for sub in below for leaf in leaves(sub))
    if not below:
        yield kind


def test_every_error_has_a_status_and_a_title() -> None:
    wanted = {*leaves(errors.ControlPlaneError), errors.InvalidSpec}  # which has a kind of its own below it
    assert set(STATUS_OF) == wanted
    assert set(TITLE_OF) == wanted


def test_an_unexpected_error_has_the_status_phrase_as_title_and_no_details() -> None:
    """RFC 9457, 4.2.1: the title of `about:blank` is the phrase of its status."""

    @answers_problems
    async def failing(req: func.HttpRequest) -> func.HttpResponse:
        raise RuntimeError("a secret of ours")

    async def failed() -> func.HttpResponse:
        return await failing(request("?code=s3cret"))

    answer = asyncio.run(failed())
    problem = json.loads(answer.get_body())
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Internal Server Error", 500)
    assert "secret" not in answer.get_body().decode()
    assert all(code not in ("", "about:blank") for code in CODE_OF.values())


def test_retry_after_is_at_least_one_second() -> None:
    assert problem_of(errors.TooManyRequests(300, 0.4)).headers["Retry-After"] == "1"
