"""Peers as real processes: pinned, asked until they answer, stopped with all that they started."""

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.peers.asking import ask
from benchmarks.peers.peer import Command, Peer, Place, Ready
from benchmarks.peers.running import NotStarted, Running, start

ANSWERING = Path(__file__).with_name("answering.py")
NOWHERE = Ready("1", Path())


def peer(kind: str) -> Peer:
    def command(_: Ready, place: Place) -> Command:
        return Command((sys.executable, str(ANSWERING), str(place.port), kind))

    return Peer(name=kind, title=kind, settings="", command=command)


def test_a_peer_runs_on_its_core_until_it_is_stopped(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    running = start(peer("good"), NOWHERE, 1, [core], tmp_path / "place")
    try:
        (pid,) = running.pids
        assert os.sched_getaffinity(pid) == {core}
        assert running.ready_after > 0
        assert machine.resident_bytes(running.pids) > 1_000_000
        assert machine.cpu_seconds(running.pids) >= 0
        assert running.alive
    finally:
        running.stop()
    assert running.pids == ()
    assert not running.alive


def stopped(pid: int) -> bool:
    """Say whether the kernel runs none of a process's threads."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_peer_that_waits_takes_no_time_and_goes_on(tmp_path: Path) -> None:
    running = start(peer("good"), NOWHERE, 1, [0], tmp_path)
    try:
        (pid,) = running.pids
        running.pause()
        until = time.monotonic() + 5
        while not stopped(pid) and time.monotonic() < until:
            os.sched_yield()
        assert stopped(pid)
        running.resume()
        ask(running.port, running.headers, stream=False)
        assert not stopped(pid)
    finally:
        running.stop()


def test_a_peer_that_waits_can_be_stopped(tmp_path: Path) -> None:
    running = start(peer("good"), NOWHERE, 1, [0], tmp_path)
    running.pause()
    running.stop()
    assert running.pids == ()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("cut", "a stream did not end with [DONE]"),
        ("short", "a stream brought 4 events of 5"),
    ],
)
def test_a_peer_that_streams_wrongly_is_not_measured(tmp_path: Path, kind: str, why: str) -> None:
    with pytest.raises(NotStarted, match="stream") as caught:
        start(peer(kind), NOWHERE, 1, [0], tmp_path)
    assert str(caught.value) == why


def test_a_peer_that_ends_at_its_start_says_so(tmp_path: Path) -> None:
    def command(_: Ready, __: Place) -> Command:
        return Command((sys.executable, "-c", "raise SystemExit(3)"))

    ending = Peer(name="ending", title="ending", settings="", command=command)
    with pytest.raises(NotStarted, match="it ended at its start"):
        start(ending, NOWHERE, 1, [0], tmp_path)


def test_without_a_proxy_the_provider_itself_is_asked(tmp_path: Path) -> None:
    running = start(Peer(name="direct", title="direct", settings=""), NOWHERE, 4321, [0], tmp_path)
    assert running.url == "http://127.0.0.1:4321/v1/chat/completions"
    assert running.pids == ()
    running.pause()
    running.stop()


def test_a_peer_gets_none_of_our_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    running: Running = start(peer("good"), NOWHERE, 1, [0], tmp_path)
    try:
        environ = Path(f"/proc/{running.pids[0]}/environ").read_bytes()
    finally:
        running.stop()
    assert b"sk-secret" not in environ
    assert f"HOME={tmp_path}".encode() in environ
