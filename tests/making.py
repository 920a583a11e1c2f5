"""The fixture that assembles an app."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.assembly import assemble
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions
from tests.config.texts import load
from tests.made import Made, Make
from tests.stage import Book


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Assemble an app; at the end its log and its watcher are closed."""
    made: list[Made] = []
    path = tmp_path / "app.log"
    with path.open("w") as file, open_log(LogOptions(), file) as log:

        def assembled(text: str = "", listed: dict[str, tuple[str, ...]] | None = None) -> Made:
            tap = Book()
            made.append(Made(assemble(load(text, tmp_path), log, listed, (tap,)), path, tap))
            return made[-1]

        yield assembled
        for each in made:
            each.app.watcher.close()
