"""Problems: every error has its status and its title."""

from collections.abc import Iterator

from dormouse import errors
from dormouse.errors import ControlPlaneError
from dormouse.http.problem_kinds import STATUS_OF, TITLE_OF
from dormouse.http.problems import problem_of


def leaves(kind: type[ControlPlaneError]) -> Iterator[type[ControlPlaneError]]:
    """The ends of the tree; what other rooms make of them is answered like them."""
    below = [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
    yield from (leaf for sub in below for leaf in leaves(sub))
    if not below:
        yield kind


def test_every_error_has_a_status_and_a_title() -> None:
    wanted = set(leaves(errors.ControlPlaneError))
    assert set(STATUS_OF) == wanted
    assert set(TITLE_OF) == wanted


def test_who_asks_too_often_is_never_told_to_come_back_at_once() -> None:
    assert problem_of(errors.TooManyRequests(300, 0.4)).headers["Retry-After"] == "1"
