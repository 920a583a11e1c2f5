"""What libraries tell the standard library's log stands in the house's."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.hearing import Hearing, hear
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def log(file: Path) -> Iterator[Log]:
    with file.open("w") as sink, open_log(LogOptions(), sink) as log:
        yield log


@pytest.fixture
def own(log: Log) -> logging.Logger:
    logger = logging.Logger("library")
    logger.addHandler(Hearing(log))
    return logger


def lines(log: Log, file: Path) -> list[dict[str, Any]]:
    """Return what was told."""
    log.close()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_is_told_is_passed_on_with_its_level(
    log: Log, own: logging.Logger, file: Path
) -> None:
    own.info("nothing new")
    own.warning("so %s", "so")
    own.error("oh")
    own.error("%d arguments", "two")
    said = [(line["level"], line["by"], line["said"]) for line in lines(log, file)]
    assert said == [
        ("warning", "library", "so so"),
        ("error", "library", "oh"),
        ("error", "library", "%d arguments"),
    ]


def test_a_bug_is_told_with_its_traceback(log: Log, own: logging.Logger, file: Path) -> None:
    try:
        raise RuntimeError("not like this")
    except RuntimeError:
        own.exception("in a view")
    (line,) = lines(log, file)
    assert (line["event"], line["said"]) == ("bug in admin", "in a view")
    assert line["exception"].endswith("RuntimeError: not like this")


def test_all_loggers_are_heard_and_nobody_writes_by_himself(log: Log, file: Path) -> None:
    root = logging.root
    before, level = root.handlers[:], root.level
    for handler in before:
        root.removeHandler(handler)
    try:
        handed = hear(log)
        logging.warning("from the root")
        handed.error("from the one that is handed on")
        assert [type(handler) for handler in root.handlers] == [Hearing]
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    assert [line["said"] for line in lines(log, file)] == [
        "from the root",
        "from the one that is handed on",
    ]
