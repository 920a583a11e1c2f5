"""What whoever is forked next begins with: the file as it was last taken."""

import json
import os
import select
from collections.abc import Iterator
from pathlib import Path, PosixPath
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.commands.job import Job, Standing
from gateway.config.load import load_config
from gateway.telemetry.lines import json_lines
from gateway.telemetry.voice import Voice

TEXT = """\
[auth]
pepper = { file = "pepper" }
[providers.echo]
models = ["echo"]
"""


class Scene:
    """A job, who stands for its configuration, and what is said."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "gateway.toml"
        self.pepper = folder / "pepper"
        self.pepper.write_text("the-first-pepper-of-all")
        self.file.write_text(TEXT)
        self._log = folder / "log"
        self.descriptor = os.open(self._log, os.O_CREAT | os.O_WRONLY)
        self.turns = os.memfd_create("turns")
        voice = Voice(self.descriptor, json_lines(), "info", lambda: 0, self.turns)
        config = load_config(self.file, os.environ, Path())
        self.job = Job(config, {}, "info", lambda: None)
        self.standing = Standing(self.job, voice)

    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    os.close(scene.descriptor)
    os.close(scene.turns)


def test_what_is_read_anew_is_what_the_next_process_begins_with(scene: Scene) -> None:
    scene.file.write_text(TEXT.replace('["echo"]', '["echo", "more"]'))
    assert not scene.standing.changed()
    assert scene.standing.changed()
    assert scene.standing.renew()
    assert list(scene.job.config.providers["echo"].models) == ["echo", "more"]
    (line,) = scene.said()
    assert line["event"] == "configuration reloaded"
    assert line["changes"] == 'providers.echo.models: ["echo"] -> ["echo", "more"]'


def test_what_is_refused_leaves_all_as_it_was(scene: Scene) -> None:
    before = scene.job.config
    scene.pepper.write_text("the-second-pepper-of-all")
    scene.file.write_text(TEXT.replace("models", "the-first-pepper-of-all"))
    assert not scene.standing.renew()
    assert scene.job.config is before
    (line,) = scene.said()
    assert (line["level"], line["event"]) == (
        "error",
        "configuration refused, the old one goes on",
    )
    assert "providers.echo" in line["reason"]
    assert "the-first-pepper" not in line["reason"]
    # It was read as it is: who looks at the file need not say so once more.
    assert not scene.standing.changed()
    assert not scene.standing.changed()


def test_whatever_goes_wrong_there_those_who_serve_go_on(scene: Scene) -> None:
    """The supervisor has all lifelines: with it all workers would end."""
    before = scene.job.config
    scene.job.config = replace(before, source=Odd(before.source or ""))
    assert not scene.standing.renew()
    assert scene.job.config.providers is before.providers
    (line,) = scene.said()
    assert line["event"] == "bug in the reading of the configuration, the old one goes on"
    assert "RuntimeError: it is ***" in line["exception"]


class Odd(PosixPath):
    """A path that nobody can look at."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        raise RuntimeError("it is the-first-pepper-of-all")


def test_of_very_much_that_is_wrong_a_whole_line_is_told(scene: Scene) -> None:
    scene.file.write_text(TEXT + "".join(f'"\N{PARTY POPPER}{n}" = 1\n' for n in range(300)))
    assert not scene.standing.renew()
    (line,) = scene.said()
    assert line["reason"].endswith("…")
    assert os.fstat(scene.descriptor).st_size <= select.PIPE_BUF


def test_r11_a_secret_that_was_read_anew_is_masked_from_then_on(scene: Scene) -> None:
    scene.pepper.write_text("the-second-pepper-of-all")
    assert scene.standing.renew()
    scene.file.write_text(TEXT.replace("models", "the-second-pepper-of-all"))
    assert not scene.standing.renew()
    told = scene.said()[-1]["reason"]
    assert "providers.echo.***" in told
    assert "pepper-of-all" not in told


def test_r11_neither_secret_is_told(scene: Scene) -> None:
    scene.pepper.write_text("the-second-pepper-of-all")
    assert scene.standing.renew()
    assert "pepper-of-all" not in str(scene.said())
    assert scene.job.config.auth.pepper is not None
    assert scene.job.config.auth.pepper.reveal() == "the-second-pepper-of-all"
