"""A process's file keeps rows in bounds, survives a cut, and is nobody else's while it lives."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.store.journal import JournalFile, Numbered, left_behind, names, others_bytes
from gateway.store.rows import COLUMNS, row_of
from tests.store.receipts import call, end

MUCH = 1_000_000


def rows(count: int, first: int = 0) -> list[Numbered]:
    return [
        (number, row_of(end(call(f"req_{number}")), number, number + 1))
        for number in range(first, first + count)
    ]


def read(file: JournalFile) -> list[Numbered]:
    found: list[Numbered] = []
    while file.waits:
        found += file.read()
    return found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


@pytest.fixture
def file(database: Path) -> Iterator[JournalFile]:
    file = JournalFile.create(database)
    yield file
    file.close()


def test_it_is_its_owners_alone(file: JournalFile, database: Path) -> None:
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.name == f"gateway.db.writer-{file.name}"
    assert names(database) == {file.name}


def test_rows_come_back_as_they_were(file: JournalFile) -> None:
    assert not file.waits
    assert file.append(rows(2000), MUCH * 10) == 2000
    assert file.append(rows(5, 2000), MUCH * 10) == 5
    assert read(file) == rows(2005)
    assert file.unreadable == 0
    file.rewind()
    assert read(file) == rows(2005)


def test_it_is_empty_once_it_is_cleared(file: JournalFile) -> None:
    file.append(rows(3), MUCH)
    read(file)
    file.clear()
    assert (file.waits, file.path.stat().st_size) == (False, 0)
    file.append(rows(1), MUCH)
    assert read(file) == rows(1)


def test_it_grows_no_further_than_it_may(file: JournalFile) -> None:
    taken = file.append(rows(100), 5000)
    assert 5 < taken < 20
    size = file.path.stat().st_size
    assert size <= 5000
    assert file.append(rows(1), 5000) == 0
    assert file.append(rows(1), -1) == 0
    assert file.path.stat().st_size == size
    assert read(file) == rows(taken)


def test_a_disk_that_is_full_takes_all_of_it_or_nothing(database: Path) -> None:
    database.with_name("full").symlink_to("/dev/full")
    file = JournalFile(database, os.open("/dev/full", os.O_RDWR))
    assert file.append(rows(1), MUCH) == 0
    file.close()


def test_a_line_that_was_cut_off_is_passed_over(file: JournalFile) -> None:
    file.append(rows(2), MUCH)
    data = file.path.read_bytes()
    for length in range(len(data) + 1):
        file.path.write_bytes(data[:length])
        cut = JournalFile(file.path, os.open(file.path, os.O_RDWR))
        found = read(cut)
        whole = data[:length].count(b"\n")
        assert found == rows(max(0, whole - 1))
        assert cut.unreadable == (length > 0 and data[length - 1 : length] != b"\n")
        cut.close()


def test_what_is_no_row_is_counted_and_passed_over(file: JournalFile) -> None:
    file.append(rows(1), MUCH)
    with file.path.open("ab") as other:
        other.write(b"\n{}\nnonsense\n[1]\n[-1" + b",null" * len(COLUMNS) + b"]\n")
        other.write(b'["number",1]\n' + b"[" * 5000 + b"\n\xff\xfe\n" + b"x" * 600_000)
    again = JournalFile(file.path, os.open(file.path, os.O_RDWR))
    assert read(again) == rows(1)
    assert again.unreadable > 6
    again.close()


def test_a_row_of_another_version_is_read_by_its_names(file: JournalFile) -> None:
    file.path.write_bytes(b'["number","colour","key","started_at_ns"]\n[3,"red","ci",77]\n')
    other = JournalFile(file.path, os.open(file.path, os.O_RDWR))
    ((number, row),) = read(other)
    told = dict(zip(COLUMNS, row, strict=True))
    assert (number, told["key"], told["started_at_ns"], told["outcome"]) == (3, "ci", 77, None)
    other.close()


def test_a_row_of_a_version_that_knew_less_is_one_that_any_database_takes(
    file: JournalFile,
) -> None:
    known = COLUMNS[: COLUMNS.index("drained")]
    row = rows(1)[0][1][: len(known)]
    text = msgspec.json.encode(["number", *known]) + b"\n" + msgspec.json.encode([7, *row]) + b"\n"
    with file.path.open("wb") as other:
        other.write(text)
    file = JournalFile(file.path, os.open(file.path, os.O_RDWR))
    ((number, found),) = read(file)
    file.close()
    assert number == 7
    assert dict(zip(COLUMNS, found, strict=True)) == {
        **dict(zip(known, row, strict=True)),
        "drained": 0,
        "asked": None,
        "cache_write_tokens": None,
    }


def test_what_cannot_be_read_is_left_to_the_next_process(file: JournalFile) -> None:
    file.append(rows(1), MUCH)
    file.skip()
    assert not file.waits
    file.append(rows(1, 1), MUCH)
    assert read(file) == rows(1, 1)
    file.clear()
    assert file.path.stat().st_size > 0


def test_a_file_that_was_cut_short_by_others_ends(file: JournalFile) -> None:
    file.append(rows(3), MUCH)
    file.path.write_bytes(b"")
    assert read(file) == []


def test_nobody_has_the_file_of_a_process_that_lives(file: JournalFile, database: Path) -> None:
    assert left_behind(database) == []
    other = JournalFile.create(database)
    other.append(rows(4), MUCH)
    assert others_bytes(database, file) == other.path.stat().st_size
    assert names(database) == {file.name, other.name}
    other.close()
    (found,) = left_behind(database)
    assert found.name == other.name
    assert left_behind(database) == []
    assert read(found) == rows(4)
    found.close(remove=True)
    assert names(database) == {file.name}


def test_the_lock_of_a_process_that_was_killed_is_free(database: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from gateway.store.journal import JournalFile;"
        "print(JournalFile.create(Path(sys.argv[1])).name, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, database], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert left_behind(database) == []
        process.kill()
    (file,) = left_behind(database)
    assert file.name == name
    file.close()


def test_only_such_files_are_looked_at(database: Path) -> None:
    database.with_name("gateway.db.writer-link").symlink_to("/etc/hostname")
    database.with_name("gateway.db.writer-folder").mkdir()
    database.with_name("other.db.writer-1").touch()
    assert left_behind(database) == []
    assert names(database.parent / "no" / "gateway.db") == set()
