"""What is locked: each package with hashes, all that the project asks for, nothing that is old."""

import re
import tomllib
from typing import Any

import pytest
from packaging.version import Version

from tests.house.source import ROOT
from tools.release import lock

LOCKS = (lock.RUNTIME, lock.TOOLS, lock.BACKEND)

HASH = "--hash=sha256:" + "0" * 64

ADVISORY = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<ids>[^|]+) \| (?P<fixed>[0-9][^| ]*) \|")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(path: Any) -> list[lock.Pin]:
    return lock.read(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_each_locked_package_has_its_hashes(path: Any) -> None:
    """S2: an installer takes these very files or none."""
    assert lock.unsafe(pins(path)) == []
    assert len(pins(path)) > 3


def test_the_lock_gives_what_the_project_asks_for() -> None:
    """R26: all of it, with every extra; `nox -s lock` makes it anew."""
    assert lock.unmet(project()["project"], pins(lock.RUNTIME)) == []


def test_what_makes_a_release_is_locked_too() -> None:
    assert lock.not_given(project()["dependency-groups"]["release"], pins(lock.TOOLS)) == []
    assert lock.not_given(project()["build-system"]["requires"], pins(lock.BACKEND)) == []


def test_no_lock_names_an_index_or_a_folder() -> None:
    texts = [path.read_text(encoding="utf-8") for path in LOCKS]
    assert [
        text for text in texts if re.search(r"--(extra-)?index|--find|://|file:|/tmp", text)
    ] == []


def test_no_locked_package_has_a_hole_that_is_known() -> None:
    """R26: whatever docs/advisories.md names is locked in a version in which it is mended."""
    page = (ROOT / "docs/advisories.md").read_text(encoding="utf-8")
    rows = [found for line in page.splitlines() if (found := ADVISORY.match(line))]
    locked = {pin.name: Version(pin.version) for pin in pins(lock.RUNTIME)}
    assert len(rows) > 10
    assert [row["name"] for row in rows if locked[row["name"]] < Version(row["fixed"])] == []


def test_the_pins_of_a_lock_are_read() -> None:
    text = f"""
# a remark
trio==0.35.0 \\
    {HASH} \\
    {HASH.replace("0", "a")}
    # via here
tzdata==2026.6 ; sys_platform == 'win32' \\
    {HASH}
typing-extensions==4.16.0 ; python_full_version < '3.13' \\
    {HASH}
"""
    trio, tzdata, typing = lock.read(text)
    assert (trio.name, trio.version, trio.marker, len(trio.hashes)) == ("trio", "0.35.0", "", 2)
    assert [pin.is_for_linux() for pin in (trio, tzdata, typing)] == [True, False, True]


@pytest.mark.parametrize(
    "line",
    [
        "trio>=0.35.0",
        "--index-url https://example.com/simple",
        "https://example.com/trio.whl",
        "-e .",
        "trio @ file:///tmp/trio",
        f"trio==0.35.0 {HASH}0",
        "trio==0.35.0 --hash=md5:00",
        "trio==0.35.0 \\\n    --hash=sha256:zz",
        f"trio==0.35.0 --index-url=https://example.com {HASH}",
    ],
)
def test_a_line_that_is_no_pin_is_refused(line: str) -> None:
    with pytest.raises(lock.Unreadable):
        lock.read(line)


def test_what_is_not_locked_is_said() -> None:
    asked = {
        "dependencies": ["trio>=0.35", "Click>=8"],
        "optional-dependencies": {"x": ["psycopg[binary]>=3,<4"]},
    }
    given = [lock.Pin("trio", "0.34.0", "", (HASH,)), lock.Pin("psycopg", "3.3.9", "", ())]
    assert lock.unmet(asked, given) == [
        "trio>=0.35 is asked for, 0.34.0 is locked",
        "Click is not locked",
    ]
    assert lock.unsafe([*given, given[0]]) == ["psycopg has no hash", "trio stands twice"]
