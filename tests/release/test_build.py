"""Two builds are held against each other byte by byte; `nox -s release` makes them."""

from pathlib import Path

from tools.release import build


def test_two_builds_that_differ_are_found() -> None:
    first = {"a.whl": b"one", "a.tar.gz": b"same", "c.whl": b""}
    second = {"a.whl": b"two", "a.tar.gz": b"same"}
    once, differs = build.differences(first, second)
    assert once == "c.whl was built once"
    assert differs.startswith("a.whl differs: ")
    assert build.differences(first, first) == []


def test_the_copy_holds_what_git_holds_alone(tmp_path: Path) -> None:
    copy = build.tracked(tmp_path / "copy")
    assert (copy / "src/gateway/__main__.py").is_file()
    assert not (copy / ".git").exists()
    assert (copy / "pyproject.toml").stat().st_mode & 0o077 == 0
