"""The leak check sees what a test leaves behind."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from tests.conftest import LOST_ERRORS, find
from tests.leaks import Baseline, run_and_count


def test_nothing_left_behind_is_no_leak() -> None:
    assert Baseline().leaks() == []


def test_an_open_descriptor_is_a_leak_and_is_named() -> None:
    baseline = Baseline()
    reader, writer = os.pipe()
    leaks = baseline.leaks()
    os.close(reader)
    os.close(writer)
    assert [leak.split(":")[0] for leak in leaks] == [
        f"descriptor {reader}",
        f"descriptor {writer}",
    ]
    assert all("pipe:[" in leak for leak in leaks)
    assert baseline.leaks() == []


def test_a_descriptor_that_was_closed_meanwhile_is_no_leak() -> None:
    reader, writer = os.pipe()
    baseline = Baseline()
    os.close(reader)
    os.close(writer)
    assert baseline.leaks() == []


def test_a_descriptor_that_became_something_else_is_a_leak(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    baseline = Baseline()
    with (tmp_path / "file").open("w") as file:
        os.dup2(file.fileno(), writer)
    leaks = baseline.leaks()
    os.close(reader)
    os.close(writer)
    assert leaks == [f"descriptor {writer}: {tmp_path / 'file'}"]


def test_a_running_thread_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.leaks.PATIENCE", 0.02)
    baseline = Baseline()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="left behind")
    thread.start()
    leaks = baseline.leaks()
    end.set()
    thread.join()
    assert leaks == ["thread: left behind"]
    assert baseline.leaks() == []


def test_a_thread_that_is_about_to_end_is_waited_for() -> None:
    baseline = Baseline()
    threading.Thread(target=threading.Event().wait, args=(0.03,)).start()
    assert baseline.leaks() == []


def test_an_idle_worker_of_trio_is_no_leak() -> None:
    async def main() -> None:
        await trio.to_thread.run_sync(int)

    baseline = Baseline()
    trio.run(main)
    assert baseline.leaks() == []


def test_a_task_that_outlives_its_test_is_a_leak() -> None:
    async def main() -> None:
        trio.lowlevel.spawn_system_task(trio.sleep_forever)

    with pytest.raises(AssertionError, match="1 tasks outlive the test"):
        run_and_count(main)


def test_a_thread_that_still_works_for_a_test_is_a_leak() -> None:
    end = threading.Event()

    async def main() -> None:
        with trio.move_on_after(0.02):
            await trio.to_thread.run_sync(end.wait, abandon_on_cancel=True)

    with pytest.raises(AssertionError, match="1 threads still work"):
        run_and_count(main)
    end.set()


def test_a_clean_test_gives_back_its_value() -> None:
    async def main() -> int:
        return 7

    assert run_and_count(main) == 7


def test_an_error_that_trio_can_only_log_is_kept() -> None:
    async def careless() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("nobody sees this")

    async def main() -> None:
        async for _ in careless():
            break
        gc.collect()
        await trio.testing.wait_all_tasks_blocked()

    with pytest.warns(ResourceWarning):
        trio.run(main)
    (lost,) = LOST_ERRORS.take()
    assert "careless" in lost
    assert LOST_ERRORS.take() == []


TESTS = """
import os, socket, sys, pytest, trio

async def test_leaves_a_socket_open():
    global left
    left = trio.socket.socket()

@pytest.mark.leaks("to show that it can be excused")
async def test_is_excused():
    global excused
    excused = trio.socket.socket()

async def test_leaves_a_task_running():
    trio.lowlevel.spawn_system_task(trio.sleep_forever)

def test_may_be_skipped(require):
    require("a-program-that-nobody-has")

async def test_is_clean(autojump_clock):
    await trio.sleep(1000)
"""


def test_the_check_holds_for_each_test_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "test_made_for_this.py").write_text(TESTS)
    root = Path(__file__).parents[2]

    def run(**environment: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(root / "pyproject.toml")]
        command += ["-p", "tests.conftest", "-p", "no:cacheprovider", "-W", "ignore", str(tmp_path)]
        return subprocess.run(
            command,
            cwd=root,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        ).stdout

    told = run()
    assert "ERROR" in told
    assert "the test left behind: descriptor" in told
    assert "1 tasks outlive the test" in told
    assert "1 failed, 3 passed, 1 skipped, 1 error" in told
    told = run(GATEWAY_TESTS_REQUIRE="nginx,a-program-that-nobody-has")
    assert "a-program-that-nobody-has is not installed, and GATEWAY_TESTS_REQUIRE demands" in told
    assert "2 failed, 3 passed, 1 error" in told


def test_what_a_test_requires_is_found(require: Callable[[str], str]) -> None:
    assert require is find
    assert Path(require("sh")).is_file()
    assert require("trio").endswith("__init__.py")
