"""The control socket: what is asked is answered, and only to its own user."""

import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from gateway.downstream.control import (
    ASK_TIMEOUT,
    LONGEST_PATH,
    MAX_ASKERS,
    MAX_LINE,
    Control,
    folder_of,
    name_of,
    open_private,
)
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions

SOON = 2
DEAD = 4_194_305
"""No process has this pid: it is above the highest that Linux gives."""


class Told:
    """A log that can be read back."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "log"
        with self._path.open("w") as file:
            self.log: Log = open_log(LogOptions(), file)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of an event; from then on the log is closed."""
        self.log.close()
        lines = [json.loads(line) for line in self._path.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path)
    yield made
    made.log.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        yield Path(name)


def same(question: Mapping[str, object]) -> Mapping[str, object]:
    return {"you": question.get("name")}


def broken(question: Mapping[str, object]) -> Mapping[str, object]:
    raise RuntimeError("a bug")


ANSWERS = {"same": same, "broken": broken}


@pytest.fixture
def control(folder: Path, told: Told) -> Control:
    return Control(folder / "1-1.sock", ANSWERS, told.log)


async def line_of(asker: trio.abc.Stream) -> Any:
    """Read a line; None where there is none any more."""
    got = b""
    while not got.endswith(b"\n"):
        data = await asker.receive_some(1)
        if not data:
            return None
        got += data
    return json.loads(got)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b'{"ask":"same","name":"x"}', {"you": "x"}),
        (b'{"ask":"other"}', {"error": "unknown question", "known": ["broken", "same"]}),
        (b'{"ask":["same"]}', {"error": "unknown question", "known": ["broken", "same"]}),
        (b"{}", {"error": "unknown question", "known": ["broken", "same"]}),
    ],
)
def test_a_question_is_answered_by_the_table(
    control: Control, line: bytes, answer: dict[str, object]
) -> None:
    assert control.answer(line) == answer


@pytest.mark.parametrize("line", [b"", b"status", b"[]", b'{"ask"', b"\xff", b'{"a":' * 800])
def test_what_is_no_question_is_told_so(control: Control, line: bytes) -> None:
    told: Any = control.answer(line)
    (error,) = told.values()
    assert str(error).startswith("not a question: ")


def test_a_bug_in_an_answer_is_told_in_the_log(control: Control, told: Told) -> None:
    assert control.answer(b'{"ask":"broken"}') == {"error": "a bug, told in the log"}
    (line,) = told.lines("bug in control socket")
    assert line["ask"] == "broken"
    assert "RuntimeError: a bug" in line["exception"]


async def test_many_lines_are_answered_in_turn(control: Control, nursery: trio.Nursery) -> None:
    """However they are cut into reads."""
    ours, theirs = memory_stream_pair()
    nursery.start_soon(control.converse, theirs)
    await ours.send_all(b'{"ask":"same","name":1}\n{"ask":"same","na')
    assert await line_of(ours) == {"you": 1}
    await ours.send_all(b'me":2}\n\n')
    assert await line_of(ours) == {"you": 2}
    assert "not a question" in (await line_of(ours))["error"]
    await ours.send_stream.aclose()


async def test_a_line_without_end_is_refused(control: Control, nursery: trio.Nursery) -> None:
    ours, theirs = memory_stream_pair()

    async def converse() -> None:
        async with theirs:
            await control.converse(theirs)

    nursery.start_soon(converse)
    whole = b'{"ask":"same","name":"%b"}\n'
    await ours.send_all(whole % (b"x" * (MAX_LINE - len(whole) + 3)))
    assert "you" in await line_of(ours)
    with suppress(trio.BrokenResourceError):
        await ours.send_all(b"x" * (MAX_LINE + 1))
    assert await line_of(ours) == {"error": f"longer than {MAX_LINE} bytes"}
    assert await line_of(ours) is None


@pytest.mark.parametrize("said", [b"", b'{"ask"'])
async def test_a_silent_asker_is_left(
    control: Control, said: bytes, autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    await ours.send_all(said)
    with pytest.raises(trio.TooSlowError):
        await control.converse(theirs)
    assert trio.current_time() == ASK_TIMEOUT


async def begin(control: Control, nursery: trio.Nursery, path: Path) -> None:
    nursery.start_soon(control.run)
    with trio.fail_after(SOON):
        while not path.exists():
            await trio.sleep(0.002)


async def test_the_socket_is_private_and_is_gone_at_the_end(control: Control, folder: Path) -> None:
    path = folder / "1-1.sock"
    async with trio.open_nursery() as nursery:
        await begin(control, nursery, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with await trio.open_unix_socket(path) as asker:
            await asker.send_all(b'{"ask":"same","name":3}\n')
            with trio.fail_after(SOON):
                assert await line_of(asker) == {"you": 3}
        nursery.cancel_scope.cancel()
    assert not path.exists()


async def test_askers_who_leave_or_are_too_many_hurt_nobody(
    control: Control, folder: Path, nursery: trio.Nursery, told: Told
) -> None:
    path = folder / "1-1.sock"
    await begin(control, nursery, path)
    askers = [await trio.open_unix_socket(path) for _ in range(MAX_ASKERS)]
    for asker in askers:
        await asker.send_all(b'{"ask":"same"}\n')
        assert await line_of(asker) == {"you": None}
    async with await trio.open_unix_socket(path) as one_more:
        with trio.fail_after(SOON):
            assert await line_of(one_more) is None
    # It leaves with answers unread, so that a write fails.
    await askers[0].send_all(b'{"ask":"same"}\n' * 200)
    for asker in askers:
        await asker.aclose()
    with trio.fail_after(SOON):
        answer = None
        while answer is None:
            async with await trio.open_unix_socket(path) as asker:
                with suppress(trio.BrokenResourceError):
                    await asker.send_all(b'{"ask":"same","name":4}\n')
                    answer = await line_of(asker)
    assert answer == {"you": 4}
    nursery.cancel_scope.cancel()
    assert told.lines("bug in control socket") == []


@pytest.mark.parametrize("spoil", ["open to others", "a file", "a link", "too long", "missing"])
async def test_where_no_private_socket_can_be_had_it_serves_without(
    folder: Path, told: Told, spoil: str, autojump_clock: MockClock
) -> None:
    """A folder that somebody has put there beforehand is not used."""
    place = folder / "place"
    if spoil == "open to others":
        place.mkdir()
        place.chmod(0o777)
    elif spoil == "a file":
        place.touch()
    elif spoil == "a link":
        (folder / "other").mkdir(mode=0o700)
        place.symlink_to(folder / "other")
    elif spoil == "too long":
        place = folder / ("x" * LONGEST_PATH)
    else:
        place = folder / "no" / "place"
    with trio.move_on_after(1):
        await Control(place / "1-1.sock", ANSWERS, told.log).run()
    (line,) = told.lines("no control socket")
    assert line["path"] == str(place / "1-1.sock")
    assert line["reason"]
    assert not (folder / "other" / "1-1.sock").exists()


def test_another_users_folder_is_not_used(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (folder / "place").mkdir(mode=0o700)
    os.chown(folder / "place", 1, 1)
    with pytest.raises(PermissionError, match="another user"):
        open_private(folder / "place" / "1-1.sock")


def test_what_the_dead_left_is_removed_and_the_living_stay(folder: Path) -> None:
    def left(name: str) -> Path:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(folder / name))
        return folder / name

    dead, own, foreign = left(f"7-{DEAD}.sock"), left("1-1.sock"), left("7-x.sock")
    living = left(f"7-{os.getpid()}.sock")
    with socket.socket(socket.AF_UNIX) as elsewhere:
        # In another container the pids are other processes'.
        elsewhere.bind(str(folder / f"8-{DEAD}.sock"))
        elsewhere.listen()
        with open_private(own):
            assert not dead.exists()
            assert all(path.exists() for path in (own, foreign, living))
            assert (folder / f"8-{DEAD}.sock").exists()
            with pytest.raises(FileExistsError):
                open_private(own)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RUNTIME_DIRECTORY": "/run/gateway"}, "/run/gateway"),
        ({"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/run/user/7"}, "/run/a"),
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, "/run/user/7/nursery-gateway"),
    ],
)
def test_the_folder_is_the_one_that_the_system_gives(
    environ: dict[str, str], expected: str
) -> None:
    assert folder_of(environ) == Path(expected)


def test_without_one_it_is_a_folder_of_our_own() -> None:
    assert folder_of({}) == Path(tempfile.gettempdir(), f"nursery-gateway-{os.geteuid()}")


def test_a_sockets_name_tells_supervisor_and_worker() -> None:
    assert name_of(7, 9) == "7-9.sock"
