"""Ports of sandboxes: a free one is not chosen twice before it is used."""

import itertools

from local.sandbox import NEVER_GIVEN_AWAY, OF_ONE_PROCESS, free_port, ports_of


def test_a_port_is_not_chosen_again_at_once() -> None:
    chosen = [free_port() for _ in range(OF_ONE_PROCESS // 2)]
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(NEVER_GIVEN_AWAY)


def test_processes_that_begin_one_after_the_other_choose_from_different_ports() -> None:
    first, *others = (set(itertools.islice(ports_of(process), 2 * OF_ONE_PROCESS)) for process in range(70_001, 70_009))
    assert len(first) == OF_ONE_PROCESS
    assert all(first.isdisjoint(other) for other in others)
