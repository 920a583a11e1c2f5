"""Files of a configuration: every way in which one cannot be read is a sentence."""

import os
from pathlib import Path

import pytest

from gateway.config.files import LONGEST_BYTES, Files, read_whole, stamp_of


def test_a_relative_path_begins_in_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"secret\n")
    files = Files(tmp_path)
    assert files.read("key") == b"secret\n"
    assert files.read(str(tmp_path / "key")) == b"secret\n"
    assert files.place("key") == str(tmp_path / "key")


@pytest.mark.parametrize(("mode", "everybody"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_file_that_everybody_may_read_is_known(
    tmp_path: Path, mode: int, everybody: bool
) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(mode)
    found = read_whole(file)
    assert (found.data, found.is_open) == (b"", everybody)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file or directory"):
        read_whole(tmp_path / "missing")
    with pytest.raises(ValueError, match="Is a directory"):
        read_whole(tmp_path)
    with pytest.raises(ValueError, match="the path holds a NUL character"):
        read_whole(Path("a\0b"))


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ValueError, match=f"longer than {LONGEST_BYTES} bytes"):
        read_whole(Path("/dev/zero"))


def test_nobody_waits_for_a_pipe_that_was_read_before(tmp_path: Path) -> None:
    """At a start it is read: whoever names one is about to write."""
    os.mkfifo(tmp_path / "key")
    with pytest.raises(ValueError, match="is no file that can be read twice, as a pipe is not"):
        Files(tmp_path, again=True).read("key")
    (tmp_path / "plain").write_bytes(b"secret\n")
    assert Files(tmp_path, again=True).read("plain") == b"secret\n"


def test_what_could_not_be_read_is_known_as_it_was(tmp_path: Path) -> None:
    files = Files(tmp_path)
    for name in ("missing", "."):
        with pytest.raises(ValueError, match="cannot read"):
            files.read(name)
    assert files.missed == {tmp_path / "missing": None, tmp_path: stamp_of(tmp_path)}
    assert files.seen == {}
