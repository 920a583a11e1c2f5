"""The machine is described without a name or a path of its own."""

import platform

import msgspec
import pytest

from benchmarks.machine import Machine, Ticks, cores, describe, notices, stolen_share
from tests.benchmarks.fixtures import MACHINE


def test_the_description_names_no_host_and_no_path() -> None:
    found = describe()
    text = msgspec.json.encode(found).decode()
    assert found.cores >= 1
    assert found.memory_gigabytes > 0
    assert "/" not in text
    assert platform.node() not in text


def test_the_load_has_a_core_that_one_core_peers_have_not() -> None:
    allowed, load = cores()
    assert load == allowed[-1]


@pytest.mark.parametrize(
    ("machine", "stolen", "said"),
    [
        (MACHINE, 0.0, []),
        (
            msgspec.structs.replace(MACHINE, load=1.5),
            0.0,
            ["The machine was not quiet at the start: its load average was 1.5."],
        ),
        (MACHINE, 0.1, ["The host gave 10% of the time to others."]),
        (
            msgspec.structs.replace(MACHINE, cores=1),
            0.0,
            ["There is one core only: load tools and peers share it."],
        ),
    ],
)
def test_what_may_spoil_the_figures_is_told(
    machine: Machine, stolen: float, said: list[str]
) -> None:
    assert notices(machine, stolen) == said


def test_stolen_time_is_a_share_of_all() -> None:
    assert stolen_share(Ticks(100, 10), Ticks(300, 20)) == 0.05
    assert stolen_share(Ticks(100, 10), Ticks(100, 10)) == 0
