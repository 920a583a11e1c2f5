"""The settings as the admin shows them: whole, with origins, and nothing of any secret."""

import os
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import trustme

from gateway.admin.health.settings import Settings
from gateway.config.compose import config_of, listening, served_by
from gateway.config.discover import discover
from gateway.config.files import PASSING
from gateway.config.homes import known_secrets
from gateway.config.load import read_document
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.options import ListenOptions
from gateway.office.settings import settings_of
from gateway.renewal import usable
from tests.config.texts import FILE, write

TEXT = """
[admin]
key = {{ env = "ADMIN" }}
viewer_key = {{ env = "VIEWER" }}
[admin.sign_in]
issuer = "https://id.example.com"
client_id = "gateway"
client_secret = {{ env = "CLIENT" }}
[auth]
pepper = {{ env = "PEPPER" }}
[[auth.issuers]]
issuer = "https://id.example.com"
audience = "gateway"
[store]
database = {{ env = "DATABASE" }}
shared = {{ env = "SHARED" }}
[telemetry]
receipts = {{ env = "RECEIPTS" }}
otlp_endpoint = {{ env = "OTLP" }}
otlp_headers = {{ "x-key" = {{ env = "OTLP_KEY" }} }}
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"
api_keys = [{{ env = "KEY_1" }}, {{ file = "key" }}]
models = ["m"]
headers = {{ "X-Api-Key" = "{header}", "X-Plain" = "seen", "X-Odd" = "Bearer {bearer}" }}
[providers.azure]
base_url = "https://example.openai.azure.com"
api_version = "2025-04-01-preview"
api_key = "{literal}"
models = ["n"]
timeouts = {{ idle = 2.0 }}
[teams.red]
[[keys]]
name = "ci"
hash = "{hash}"
[[keys]]
name = "cd"
hash = "{other}"
"""
VALUES = {
    "ADMIN": "admin-canary-0123456789-ad1a",
    "VIEWER": "viewer-canary-0123456789-f1f1",
    "CLIENT": "client-canary-0123456789-c1c1",
    "OTLP": "https://who:otlp%2Fcanary-b1b1@127.0.0.1:4318/in",
    "OTLP_KEY": "otlp-key-canary-0123456789-e5e5",
    "PEPPER": "pepper-canary-0123456789-0123456789-pe1e",
    "DATABASE": "postgresql://who:database%2Fcanary-da1a@127.0.0.1:1/gateway",
    "SHARED": "redis://who:store%2Fcanary-5a1a@127.0.0.1:6379/0",
    "RECEIPTS": "https://sink:sink%2Fcanary-51a1@127.0.0.1/in?token=token-canary-70a1",
    "KEY_1": "sk-one-canary-0123456789-1a1a",
}
FILES = {"key": "sk-two-canary-0123456789-2b2b"}
LITERALS = {
    "header": "header-canary-0123456789-4e4e",
    "bearer": "bearer-canary-0123456789-6b6b",
    "literal": "sk-literal-canary-0123456789-3c3c",
    "hash": "12" * 32,
    "other": "34" * 32,
}
TAILS = (
    *("ad1a", "f1f1", "c1c1", "b1b1", "e5e5", "pe1e", "da1a", "5a1a", "51a1", "70a1", "1a1a"),
    *("2b2b", "4e4e", "3c3c", "6b6b"),
)
"""How the secrets end: what a mask would show of them elsewhere."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out a configuration with all kinds of secrets, in the folder of the process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text(FILES["key"])
    write(TEXT.format(**LITERALS), tmp_path)
    return tmp_path


def running() -> Settings:
    """Return what runs as the file is now."""
    return settings_of(usable(read_document(FILE, Path()), VALUES), VALUES)


def said_by(*values: object) -> str:
    """Return what is shown, and find no secret in it."""
    said = "".join(msgspec.json.encode(value).decode() for value in values)
    for secret in ("canary", LITERALS["hash"], LITERALS["other"], *TAILS):
        assert secret not in said
    return said


def test_every_secret_of_the_configuration_is_looked_for(folder: Path) -> None:
    for secret in known_secrets(usable(read_document(FILE, folder), VALUES)):
        assert "canary" in secret.reveal() or b"canary" in b64decode(secret.reveal())


async def test_r24_s17_nothing_of_any_secret_is_shown_but_whence_it_is(folder: Path) -> None:
    settings = running()
    said = said_by(settings.shown, settings.places, await settings.diff())
    for name in VALUES:
        assert f"environment variable {name}" in said
    assert "file key" in said
    assert "X-Plain" in said


async def test_r24_of_a_secret_that_has_changed_no_part_is_shown(folder: Path) -> None:
    settings = running()
    (folder / "key").write_text(FILES["key"].replace("-2b2b", "-9d9d"))
    write(TEXT.format(**LITERALS).replace("4e4e", "8c8c"), folder)
    diff = await settings.diff()
    assert [(change.name, change.secret) for change in diff.changes] == [
        ("providers.up.api_keys", True),
        ("providers.up.headers", True),
    ]
    said = said_by(diff)
    assert "9d9d" not in said
    assert "8c8c" not in said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('models = ["n"]', 'models = "{key}"'),
        ('models = ["n"]', 'models = ["n"]\non_unsupported = "{key}"'),
        ('models = ["n"]', 'models = ["n"]\napi_key = "{key}"'),
        ('models = ["n"]', 'models = ["n"]\n{key}'),
        ('kind = "openai"', 'kind = "{key}"'),
    ],
)
async def test_r24_a_file_in_which_something_is_wrong_repeats_no_secret(
    folder: Path, right: str, wrong: str
) -> None:
    settings = running()
    broken = wrong.format(key=LITERALS["literal"])
    write(TEXT.format(**LITERALS).replace(right, broken), folder)
    diff = await settings.diff()
    assert (diff.refused, diff.changes) == (True, [])
    assert diff.findings[0].file == "gateway.toml"
    said_by(diff)


def test_tables_within_a_provider_stand_with_it(folder: Path) -> None:
    tables = {table.name: table for table in running().shown.tables}
    assert "[providers.azure.timeouts]" not in tables
    rows = {row.name: row for row in tables["[providers.azure]"].rows}
    assert (rows["timeouts.idle"].value, rows["timeouts.total"].origin) == ("2.0", "default")
    assert rows["timeouts.idle"].origin.startswith("gateway.toml:")
    assert "timeouts.idle" in {row.name for row in tables["[defaults]"].rows}
    names = [table.name for table in running().shown.tables]
    assert [name for name in names if name.startswith("[[")] == ['[[keys]] "ci"', '[[keys]] "cd"']
    assert names.count("[server]") == 1


def test_places_are_told_without_who_we_are(folder: Path) -> None:
    places = running().places
    assert places.database == "postgresql://127.0.0.1:1/gateway"
    assert places.shared == "127.0.0.1:6379"
    assert places.receipts == "https://127.0.0.1:443"


async def test_without_a_file_there_is_nothing_to_compare(folder: Path) -> None:
    listen = ListenOptions()
    settings = settings_of(config_of(discover({}, {}, listen), listen))
    diff = await settings.diff()
    assert (diff.source, diff.refused, diff.changes) == (None, False, [])
    assert (settings.shown.source, settings.places.database) == (None, "")
    assert settings.shown.tables[0].name == "[server]"


async def test_a_pipe_is_not_read_again(folder: Path) -> None:
    settings = running()
    FILE.unlink()
    os.mkfifo(FILE)
    diff = await settings.diff()
    assert (diff.unread, diff.refused, diff.changes) == (PASSING, False, [])


@pytest.mark.parametrize(
    ("make", "said"), [(lambda: None, "No such file"), (FILE.mkdir, "Is a directory")]
)
async def test_a_file_that_is_gone_would_be_refused(
    folder: Path, make: Callable[[], None], said: str
) -> None:
    settings = running()
    FILE.unlink()
    make()
    diff = await settings.diff()
    assert (diff.unread, diff.refused) == (None, True)
    assert said in diff.findings[0].text


async def test_a_restart_has_the_options_of_the_start(folder: Path) -> None:
    """What the file may say alone is refused beside them."""
    plain = '[auth]\nrequired = false\n[providers.echo]\nkind = "echo"\n'
    write(plain, folder)
    runs = served_by(listening(usable(read_document(FILE, Path()), {}), "0.0.0.0", 5000, 5001), 2)

    async def refused() -> list[str]:
        return [each.file for each in (await settings_of(runs, {}).diff()).findings]

    assert await refused() == []
    limited = "[models.echo]\nlimits = { concurrency = 2 }\n"
    write(plain + limited, folder)
    assert await refused() == ["--workers"]
    write(plain.replace("required = false", ""), folder)
    assert await refused() == ["0.0.0.0:5000"]


def test_files_of_tls_that_do_not_belong_together_are_refused(folder: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("a.test").cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.issue_cert("b.test").private_key_pem.write_to_path(folder / "key.pem")
    write('[server]\ntls = { certificate = "cert.pem", key = "key.pem" }\n', folder)
    with pytest.raises(ConfigMistake, match=r"gateway\.toml:2: server\.tls: "):
        usable(read_document(FILE, Path()), {})
