"""The token's file: private from the first byte on, and gone when it is of no use."""

import os
from pathlib import Path

import pytest

from gateway.admin.token_file import Found, path_of, read, sweep, write

FOUND = Found("http://127.0.0.1:4001", "secret-token")
DEAD = 4_194_305
"""No process has this pid: it is above the highest that Linux gives."""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = path_of(tmp_path, 17)
    assert path == tmp_path / "17.admin"
    write(path, FOUND)
    assert read(path) == FOUND


def test_it_is_private_whatever_the_umask_and_whatever_was_there(tmp_path: Path) -> None:
    path = path_of(tmp_path, 17)
    path.write_text("mine")
    path.chmod(0o666)
    umask = os.umask(0)
    try:
        write(path, FOUND)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(path) == FOUND


def test_it_is_never_written_through_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept")
    path = path_of(tmp_path, 17)
    path.symlink_to(other)
    assert read(path) is None
    write(path, FOUND)
    assert other.read_text() == "kept"
    assert not path.is_symlink()


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"url": 1, "token": "t"}'])
def test_what_says_nothing_is_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "1.admin"
    path.write_text(text)
    path.chmod(0o600)
    assert read(path) is None


def test_one_that_others_may_read_is_not_believed(tmp_path: Path) -> None:
    path = path_of(tmp_path, 17)
    write(path, FOUND)
    path.chmod(0o640)
    assert read(path) is None
    assert read(tmp_path / "none.admin") is None
    (tmp_path / "folder.admin").mkdir()
    assert read(tmp_path / "folder.admin") is None


def test_those_of_the_dead_are_swept_and_no_others(tmp_path: Path) -> None:
    answering = DEAD + 1
    kept = {f"{answering}.admin", f"{os.getpid()}.admin", "x.admin", "a.sock"}
    for name in (f"{DEAD}.admin", *kept):
        (tmp_path / name).touch()
    sweep(tmp_path, [answering])
    assert {path.name for path in tmp_path.iterdir()} == kept
