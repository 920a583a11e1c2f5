"""A tag is released where it is the version, and the change log tells what is new."""

import pytest

from gateway import __version__
from tests.house.source import ROOT
from tools.release import tag

CHANGES = "# Changes\n\n<!-- news begins here -->\n\n## 1.2.0 (2026-11-30)\n"


def test_the_version_is_read_from_the_package() -> None:
    assert tag.version_in((ROOT / "src/gateway/__init__.py").read_text()) == __version__
    with pytest.raises(ValueError, match="no version"):
        tag.version_in("version = 1")


@pytest.mark.parametrize(
    ("name", "version", "changes", "fragments", "problems"),
    [
        ("v1.2.0", "1.2.0", CHANGES, 0, 0),
        ("v1.2.0rc1", "1.2.0rc1", CHANGES.replace("1.2.0", "1.2.0rc1"), 0, 0),
        ("1.2.0", "1.2.0", CHANGES, 0, 1),
        ("v1.2.1", "1.2.0", CHANGES, 0, 1),
        ("v1.2.0", "1.2.0", "# Changes\n", 0, 1),
        ("v1.2.0", "1.2.0", CHANGES, 3, 1),
        ("v1.2", "1.2", CHANGES.replace("1.2.0", "1.2"), 0, 1),
        ("v1.2.0+dirty", "1.2.0+dirty", CHANGES.replace("1.2.0", "1.2.0+dirty"), 0, 1),
        ("v01.2.0", "01.2.0", CHANGES.replace("1.2.0", "01.2.0"), 0, 1),
    ],
)
def test_a_tag_that_is_not_the_version_is_refused(
    name: str, version: str, changes: str, fragments: int, problems: int
) -> None:
    assert len(tag.mismatch(name, version, changes, fragments)) == problems
