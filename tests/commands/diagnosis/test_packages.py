"""What is installed, held against what is asked for."""

import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from gateway.commands.diagnosis.packages import packages, python, requirements
from gateway.commands.diagnosis.verdict import Level
from tests.house.source import ROOT

TOLD = [
    "click>=8.1",
    "httptools<0.10,>=0.7",
    'tomli>=2; python_version < "3.11"',
    "psycopg[binary]<4,>=3.2; extra == 'postgres'",
    "coredis (>=6.9,<6.10) ; extra == 'shared'",
    "==?",
]
THERE = {"click": "8.5.1", "httptools": "0.9.0"}


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ((3, 10, 9), Level.FAIL),
        ((3, 11, 0), Level.OK),
        ((3, 14, 2), Level.OK),
        ((3, 15, 0), Level.WARN),
    ],
)
def test_a_python_that_is_too_old_or_untried_is_told(
    version: tuple[int, ...], level: Level
) -> None:
    assert python(version).level is level


def test_requirements_are_read_as_metadata_tell_them() -> None:
    assert [(str(each), each.extra) for each in requirements(TOLD)] == [
        ("click>=8.1", ""),
        ("httptools<0.10,>=0.7", ""),
        ("psycopg<4,>=3.2", "postgres"),
        ("coredis>=6.9,<6.10", "shared"),
    ]


@pytest.mark.parametrize(
    ("version", "fits"),
    [("6.9", True), ("6.9.4.post1", True), ("6.10.0", False), ("6.8.9", False), ("dev", True)],
)
def test_a_version_is_within_its_ranges_or_not(version: str, *, fits: bool) -> None:
    (coredis,) = (each for each in requirements(TOLD) if each.name == "coredis")
    assert coredis.admits(version) is fits


def test_every_comparison_of_ranges_is_known() -> None:
    (each,) = requirements(["x>1,<=2,!=1.5,==1.7.0"])
    assert each.admits("1.7")
    assert not each.admits("1.5")
    (less,) = requirements(["x<2"])
    assert not less.admits("2.0.0")


def test_what_is_missing_fails_and_what_is_too_old_is_warned_of() -> None:
    (all_there,) = packages(TOLD, THERE.get, [])
    assert (all_there.level, all_there.seen) == (Level.OK, "click 8.5.1, httptools 0.9.0")
    (old,) = packages(TOLD, {**THERE, "click": "7.0"}.get, [])
    assert (old.level, old.seen) == (Level.WARN, "click 7.0 is not click>=8.1")
    (gone,) = packages(TOLD, {"click": "7.0"}.get, [])
    assert gone.level is Level.FAIL
    assert gone.seen == "not installed: httptools; click 7.0 is not click>=8.1"


def test_an_extra_is_told_where_it_is_needed_or_there() -> None:
    needed = packages(TOLD, THERE.get, ["shared", "later"])
    assert [(each.check, each.level) for each in needed] == [
        ("packages", Level.OK),
        ("extra shared", Level.FAIL),
        ("extra later", Level.SKIPPED),
    ]
    assert needed[1].remedy == "pip install --upgrade 'nursery-gateway[shared]'"
    there = packages(TOLD, {**THERE, "psycopg": "3.2.1"}.get, [])
    assert [each.check for each in there] == ["packages", "extra postgres"]


def test_a_folder_that_is_not_installed_is_no_failure() -> None:
    assert [each.level for each in packages(None, THERE.get, [])] == [Level.SKIPPED]


def test_our_own_requirements_are_all_understood_and_met_here() -> None:
    project = tomllib.loads((Path(ROOT) / "pyproject.toml").read_text())["project"]
    told = list(project["dependencies"])
    for extra, group in project["optional-dependencies"].items():
        told += [f'{each}; extra == "{extra}"' for each in group]
    assert len(list(requirements(told))) == len(told)
    (core, *_) = packages(told, metadata.version, [])
    assert core.level is Level.OK, core.seen
    assert python(sys.version_info[:3]).level is Level.OK
