"""This machine, judged by what would serve here."""

import os
import socket
from pathlib import Path

import pytest

from gateway.commands.diagnosis.machine import (
    Machine,
    address,
    machine,
    temporary_folder,
    this_machine,
)
from gateway.commands.diagnosis.verdict import Level
from gateway.downstream.options import CallOptions, ListenOptions

GIB = 1 << 30
BIG = Machine(descriptors=65_536, memory_bytes=8 * GIB, processors=8)


def judged(
    seen: Machine, workers: int = 1, max_calls: int = 0, max_connections: int = 0
) -> dict[str, Level]:
    listen = ListenOptions(workers=workers, max_connections=max_connections)
    found = machine(listen, CallOptions(max_calls=max_calls), seen)
    assert all(each.remedy for each in found if each.level is not Level.OK)
    return {each.check: each.level for each in found}


def test_a_machine_that_is_large_enough_is_well() -> None:
    assert set(judged(BIG, workers=8).values()) == {Level.OK}
    assert set(judged(this_machine())) == {"descriptors", "memory", "processors"}


@pytest.mark.parametrize(
    ("descriptors", "level"), [(200, Level.FAIL), (1024, Level.WARN), (4096, Level.OK)]
)
def test_few_descriptors_are_few_calls(descriptors: int, level: Level) -> None:
    assert judged(Machine(descriptors, GIB, 1))["descriptors"] is level


def test_more_calls_than_descriptors_and_more_workers_than_fit_are_warned_of() -> None:
    assert judged(BIG, max_calls=40_000, max_connections=40_000)["descriptors"] is Level.WARN
    assert judged(BIG, workers=9)["processors"] is Level.WARN
    assert judged(Machine(65_536, GIB, 64), workers=9)["memory"] is Level.WARN


def test_long_bodies_have_a_folder() -> None:
    (found,) = temporary_folder()
    assert found.check == "temporary folder"


def test_an_address_is_free_or_somebodys() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = ListenOptions(port=taken.getsockname()[1])
        (ours,) = address(listen, runs=True)
        (anothers,) = address(listen, runs=False)
    (free,) = address(listen, runs=False)
    assert (ours.level, anothers.level, free.level) == (Level.OK, Level.WARN, Level.OK)
    assert "a gateway runs here" in ours.seen
    assert "Address already in use" in anothers.seen


@pytest.mark.parametrize("host", ["192.0.2.7", "no such name", "xn--" + "a" * 70])
def test_an_address_that_is_not_this_machines_is_told(host: str) -> None:
    (found,) = address(ListenOptions(host=host), runs=True)
    assert found.level in {Level.WARN, Level.FAIL}
    assert found.remedy


def test_a_socket_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    listen = ListenOptions(unix=str(tmp_path / "gateway.sock"))
    assert address(listen, runs=False)[0].level is Level.OK
    listen = ListenOptions(unix=str(tmp_path / "gone" / "gateway.sock"))
    assert address(listen, runs=False)[0].level is Level.FAIL
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (nothing was made)
