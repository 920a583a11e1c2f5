"""Gateways that run on this machine, by what they answer and by the files they leave."""

import socket
from pathlib import Path

import pytest
from trio.testing import MockClock

from gateway import __version__
from gateway.admin.token_file import Found, path_of, write
from gateway.commands.diagnosis.processes import (
    admin_at,
    has_listener,
    judge_workers,
    processes,
)
from gateway.commands.diagnosis.verdict import Level
from tests.process import free_port


def worker(number: int = 1, version: str = __version__, **gauges: float) -> dict[str, object]:
    return {"worker": number, "pid": 4_000 + number, "version": version, "gauges": gauges}


def test_workers_that_answer_and_are_of_this_version_are_well() -> None:
    (only,) = judge_workers(70, [worker(1), worker(2)], 2)
    assert (only.check, only.level) == ("gateway 70", Level.OK)
    assert only.seen == "2 workers, all of them answered"


def test_a_worker_that_is_silent_fails_and_one_of_another_version_is_warned_of() -> None:
    silent, *_ = judge_workers(70, [worker(1)], 2)
    assert (silent.level, silent.seen) == (Level.FAIL, "1 of 2 workers answered")
    _, other, *_ = judge_workers(70, [worker(1, "0.0.1"), worker(2, "0.0.1")], 2)
    assert other.level is Level.WARN
    assert other.seen == f"runs 0.0.1, and {__version__} is installed"


def test_what_a_gateway_itself_knows_to_be_wrong_is_told() -> None:
    answers = [worker(1, lost_log_lines=3.0, ledger_lost_total=1.0)]
    found = judge_workers(70, answers, 1)
    said = " ".join(each.seen for each in found if each.level is Level.WARN)
    assert "the log lost: 3" in said
    assert "the ledger has lost: 1" in said


@pytest.mark.parametrize("answer", [{}, {"worker": "x"}, {"worker": 1, "version": 7, "gauges": 3}])
def test_answers_in_words_of_another_version_break_nothing(answer: dict[str, object]) -> None:
    assert judge_workers(70, [answer], 1)


async def test_where_none_runs_nothing_is_wrong(tmp_path: Path) -> None:
    (only,) = await processes([tmp_path, tmp_path / "gone"])
    assert (only.level, str(tmp_path) in only.seen) == (Level.SKIPPED, True)
    (only,) = await processes([])
    assert "no folder that is yours" in only.seen


async def test_a_file_of_a_gateway_that_was_killed_is_told(tmp_path: Path) -> None:
    write(path_of(tmp_path, 70), Found(f"http://127.0.0.1:{free_port()}", "a-token-of-ours"))
    (tmp_path / "odd.admin").touch()
    found = await processes([tmp_path])
    assert [each.level for each in found] == [Level.WARN, Level.WARN]
    assert all("is left over" in each.seen for each in found)


async def test_an_admin_whose_file_is_not_to_be_believed_or_who_is_away_is_told(
    tmp_path: Path,
) -> None:
    path = path_of(tmp_path, 70)
    write(path, Found(f"http://127.0.0.1:{free_port()}", "a-token-of-ours"))
    away = await admin_at(path, [70])
    assert (away.level, "cannot be asked" in away.seen) == (Level.FAIL, True)
    path.chmod(0o644)
    open_to_all = await admin_at(path, [70])
    assert (open_to_all.level, "mode 0600" in open_to_all.remedy) == (Level.WARN, True)
    assert "a-token-of-ours" not in str((away, open_to_all))


async def test_an_admin_that_says_nothing_is_given_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        path = path_of(tmp_path, 70)
        write(path, Found(f"http://127.0.0.1:{mute.getsockname()[1]}", "a-token-of-ours"))
        silent = await admin_at(path, [70])
    assert (silent.level, silent.remedy != "") == (Level.FAIL, True)


def test_the_socket_of_a_worker_that_was_killed_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        assert has_listener(path)
    assert path.exists()
    assert not has_listener(path)
    path.unlink()
    assert not has_listener(path)
