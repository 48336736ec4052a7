"""Whole calls with everything that can go wrong between two keys, and a model of what must hold all the same."""

from collections.abc import Iterator

import pytest
from fuzzing import examples
from hypothesis.stateful import run_state_machine_as_test
from whole_calls import WholeCalls, World, world


@pytest.fixture(scope="module")
def two_workers(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(valkey_url, tmp_path_factory.mktemp("data")) as running:
        yield running


def test_whatever_happens_a_call_goes_on_and_tells_nobody_what_is_not_his(two_workers: World) -> None:
    class Here(WholeCalls):
        world = two_workers

    run_state_machine_as_test(Here, settings=examples(12, stateful_step_count=40))
