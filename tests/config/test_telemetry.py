"""`[telemetry]`: where receipts go besides the ledger."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.config.files import Files
from gateway.config.lines import Lines
from gateway.config.mistakes import Notes
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading
from gateway.config.telemetry import read_telemetry
from gateway.telemetry.options import LogOptions
from tests.config.texts import ENVIRON


class Read:
    """A table as it was read, and what was noted."""

    def __init__(self, text: str, folder: Path, environ: Mapping[str, str] = ENVIRON) -> None:
        files, self.notes = Files(folder), Notes("gateway.toml", Lines(text))
        reading = Reading(self.notes, files, Secrets(environ, files))
        self.options: LogOptions = read_telemetry(tomllib.loads(text), reading)
        self.mistakes = [str(finding) for finding in self.notes.findings]

    @property
    def address(self) -> str | None:
        return None if self.options.receipts is None else self.options.receipts.reveal()


def test_there_is_none_unless_it_is_named(tmp_path: Path) -> None:
    for text in ("", '[telemetry]\nreceipts = ""', "[telemetry]\nlog_format = 'json'"):
        read = Read(text, tmp_path)
        assert (read.address, read.mistakes, read.notes.warnings) == (None, [], [])
    assert read.options.log_format == "json"


def test_an_address_without_a_password_is_no_secret(tmp_path: Path) -> None:
    for address in (f"file://{tmp_path}/r@1.jsonl", "https://in.test/lines"):
        read = Read(f'[telemetry]\nreceipts = "{address}"', tmp_path)
        assert (read.address, read.mistakes, read.notes.warnings) == (address, [], [])
        assert read.notes.origins == {"telemetry.receipts": "gateway.toml:2"}


@pytest.mark.parametrize("said", ["https://me:pass-123@in.test/x", "https://in.test/x?t=pass-123"])
def test_one_that_shows_who_we_are_is(said: str, tmp_path: Path) -> None:
    read = Read(f'[telemetry]\nreceipts = "{said}"', tmp_path)
    assert (read.address, read.mistakes) == (said, [])
    assert "secret in the file itself" in read.notes.warnings[0]
    assert "pass-123" not in repr(read.options) + read.notes.warnings[0]


def test_it_may_be_in_the_environment(tmp_path: Path) -> None:
    environ = {"SINK": "https://me:pass-123@in.test/x"}
    read = Read('[telemetry]\nreceipts = { env = "SINK" }', tmp_path, environ)
    assert (read.address, read.notes.warnings, read.mistakes) == (environ["SINK"], [], [])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('"receipts.jsonl"', "is no address such as file:///var/log/gateway/receipts.jsonl"),
        ('"https://pass-123@in.test/x"', "names a user but no password"),
        ('{ env = "KEY" }', "is no address such as"),
        ('"file:///no/such/folder/r.jsonl"', "names a file in a folder that is not there"),
        (f'"file:///{"x" * 999}/r.jsonl"', "names a file in a folder that is not there"),
        ('"file:///tmp"', "names a folder, not a file"),
        ("1", "expected"),
        ('{ env = "NONE" }', "the environment variable NONE is not set"),
    ],
)
def test_what_is_no_address_is_told_and_not_repeated(said: str, told: str, tmp_path: Path) -> None:
    (mistake,) = Read(f"[telemetry]\nreceipts = {said}", tmp_path).mistakes
    assert mistake.startswith(f"gateway.toml:2: telemetry.receipts: {told}")
    assert "pass-123" not in mistake


def test_it_is_a_table(tmp_path: Path) -> None:
    assert Read("telemetry = 1", tmp_path).mistakes == [
        "gateway.toml:1: telemetry: expected a table, got a whole number"
    ]


def test_a_collector_is_read_with_what_it_is_shown(tmp_path: Path) -> None:
    text = """[telemetry]
otlp_endpoint = "http://localhost:4318"
otlp_headers = { x-token = { env = "TOKEN" }, x-other = "token-456" }
trace_sample = 0.25
service_name = "gate"
"""
    read = Read(text, tmp_path, {"TOKEN": "token-123"})
    options = read.options
    assert options.otlp_endpoint is not None
    assert options.otlp_endpoint.reveal() == "http://localhost:4318"
    shown = {name: value.reveal() for name, value in options.otlp_headers.items()}
    assert shown == {"x-token": "token-123", "x-other": "token-456"}
    assert (options.trace_sample, options.service_name, read.mistakes) == (0.25, "gate", [])
    origin = read.notes.origins["telemetry.otlp_headers.x-token"]
    assert origin == "gateway.toml:3, environment variable TOKEN"
    (warning,) = read.notes.warnings
    assert "telemetry.otlp_headers.x-other" in warning
    assert "token-" not in warning + repr(options)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ('otlp_endpoint = "localhost"', "telemetry.otlp_endpoint: is no address such as"),
        ("trace_sample = 1.5", "telemetry.trace_sample: "),
        ("trace_sample = -0.5", "telemetry.trace_sample: "),
        ('service_name = ""', "telemetry.service_name: "),
        ('otlp_headers = { host = "x-1" }', "telemetry.otlp_headers: sets host"),
        ('otlp_headers = "x"', "telemetry.otlp_headers: expected a table"),
        ('otlp_headers = { x = { env = "NONE" } }', "NONE is not set"),
    ],
)
def test_a_mistake_about_traces_is_told(said: str, wrong: str, tmp_path: Path) -> None:
    (told,) = Read(f"[telemetry]\n{said}", tmp_path).mistakes
    assert wrong in told
