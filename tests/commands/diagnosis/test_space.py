"""How much room is left, and whether that is enough."""

from pathlib import Path

import pytest

from gateway.commands.diagnosis.space import judge_room, room_in, size
from gateway.commands.diagnosis.verdict import Level

GIB = 1 << 30


@pytest.mark.parametrize(
    ("free", "total", "level"),
    [
        (40 * GIB, 100 * GIB, Level.OK),
        (GIB // 2, 100 * GIB, Level.WARN),
        (GIB // 2, 4 * GIB, Level.OK),
        (GIB // 4, 4 * GIB, Level.WARN),
        (10 << 20, 100 * GIB, Level.FAIL),
    ],
)
def test_room_is_judged_by_what_is_free(free: int, total: int, level: Level) -> None:
    assert judge_room(Path("/var"), free, total).level is level


def test_a_folder_that_is_not_there_has_no_room(tmp_path: Path) -> None:
    assert room_in(tmp_path).level is not Level.SKIPPED
    assert room_in(tmp_path / "gone").level is Level.WARN


def test_sizes_are_written_for_people() -> None:
    assert [size(count) for count in (7, 2048, 3 << 20, 3 << 29, 5 << 40)] == [
        *("7 bytes", "2.0 KiB", "3.0 MiB", "1.5 GiB", "5.0 TiB")
    ]
