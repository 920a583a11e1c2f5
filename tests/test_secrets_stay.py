"""No secret of a configuration, of a client or of a call gets where it does not belong.

A real gateway has all of them at once, and most of what it knows lies where nobody answers: an
issuer, a shared store, in the end its database too. Then everything is searched that it has said
and written.
"""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
import trio
from click.testing import CliRunner

from gateway.__main__ import cli
from gateway.commands.reading import read_configuration
from gateway.store.address import parse_store_url
from gateway.store.database import parse_database
from gateway.store.sink_address import parse_sink
from tests.issuer import Signer, claims
from tests.process import Gateway, free_port, gateway
from tests.rows_client import ask, request
from tests.scripted import Link, Received, listen
from tests.stage import COMPLETION, answer
from tests.store.real_postgres import LOCKED, PASSWORD, RealPostgres, running
from tests.store.real_store import until
from tests.test_security import say

NOWHERE = 1
"""A port on which nobody listens."""

ISSUER = f"https://127.0.0.1:{NOWHERE}"
PROMPT = "the canary sings at midnight"
PEPPER = "pepper-canary-0123456789"
PROVIDERS = "sk-provider-canary-0123456789"
ADMINS = "admin-canary-0123456789"
STORES = "store/canary@0123456789"
SINKS = "sink/canary@0123456789"
SINKS_TOKEN = "token-canary-0123456789"
DATABASES = "database/canary@0123456789"
WRONG = "ngw-wrong-canary-0123456789-0123456789-01234567"
TOKEN = Signer("k1").token(claims(time.time_ns() / 1e9, iss=ISSUER, sub="canary")).decode()
LONG = "canary-" * 60

CONFIG = """
[store]
database = {{ env = "DATABASE" }}
shared = {{ env = "SHARED" }}
[auth]
pepper = {{ env = "PEPPER" }}
[[auth.issuers]]
issuer = "{issuer}"
audience = "gateway"
[admin]
key = {{ env = "ADMIN" }}
[telemetry]
receipts = {{ env = "RECEIPTS" }}
[teams.few]
members = ["oidc:ai-research"]
budgets = [{{ usd = 5, per = "day" }}]
limits = {{ requests_per_minute = 600 }}
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{up}/v1"
api_key = {{ env = "PROVIDER" }}
models = ["m"]
[models.m]
prices = {{ input = 1.0, output = 2.0 }}
"""


def environ(database: str, sink: int) -> dict[str, str]:
    """Return all secrets, by the names that the configuration gives them."""
    who = f"sink:{quote(SINKS, safe='')}"
    return {
        "DATABASE": database,
        "SHARED": f"redis://who:{quote(STORES, safe='')}@127.0.0.1:{NOWHERE}/0",
        "PEPPER": PEPPER,
        "ADMIN": ADMINS,
        "RECEIPTS": f"http://{who}@127.0.0.1:{sink}/in?token={SINKS_TOKEN}",
        "PROVIDER": PROVIDERS,
    }


SECRETS = (
    *(PEPPER, PROVIDERS, ADMINS, STORES, SINKS, SINKS_TOKEN, DATABASES, PASSWORD, WRONG, LONG),
    *(TOKEN, TOKEN.rpartition(".")[2], b64encode(f"sink:{SINKS}".encode()).decode()),
)


def found_in(text: str, *more: str) -> list[str]:
    """Return the secrets that stand in a text, as they are or as a URL or JSON spells them."""
    spelt = {
        secret: {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
        for secret in (*SECRETS, PROMPT, *more)
    }
    return [secret for secret, ways in spelt.items() if any(way in text for way in ways)]


def run(folder: Path, given: dict[str, str], *arguments: str) -> str:
    """Run a command of ours; return all that it says, whether or not it ends well."""
    command = [*arguments, "--config", str(folder / "gateway.toml")]
    result = CliRunner().invoke(cli, command, env=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.output


COMMANDS = (
    ("check",),
    ("check", "--json"),
    ("keys", "list"),
    ("keys", "list", "--json"),
    ("keys", "show", "ada"),
    ("keys", "create", "eve"),
    ("explain", "m", "--key", "ada"),
    ("usage", "--by", "key"),
    ("usage", "--json"),
    ("prices", "m"),
)


@pytest.fixture(scope="session")
def started() -> RealPostgres:
    """Start the server before a test's own time begins."""
    return running()


@dataclass
class Sink:
    """Takes nothing, and repeats what it was shown."""

    heard: list[Received] = field(default_factory=list)

    async def script(self, link: Link) -> None:
        while True:
            self.heard.append(await link.request())
            await link.send(answer(500, self.heard[-1].head + b" " + self.heard[-1].body))


async def provider(link: Link) -> None:
    """Answer once, then refuse the key and repeat it."""
    await link.request()
    await link.send(answer(200, COMPLETION))
    while True:
        shown = (await link.request()).values(b"authorization")[0].decode()
        told = {"message": f"no {shown}", "type": shown, "param": shown, "code": shown}
        await link.send(answer(401, json.dumps({"error": told}).encode()))


async def call_in_all_ways(real: Gateway, key: str) -> str:
    """Call with a good key, a wrong one, an oversized one and a token; return the answers."""
    said = b""
    shown = (key, key, WRONG, LONG, TOKEN, TOKEN[:-1], "a.b.c")
    statuses = []
    for each in shown:
        fields = [f"Authorization: Bearer {each}", f"X-Api-Key: {each}", "User-Agent: mine/1"]
        told = await ask(real, request(*fields, stream=False, text=PROMPT))
        statuses.append(told.status)
        said += told.wire
    assert statuses == [200, 502, 401, 401, 503, 401, 401]
    return said.decode()


SITE = (
    *("/metrics", "/health", "/models", "/models?model=m", "/api/health", "/api/settings"),
    *("/api/settings/diff", "/api/log", "/api/models", "/api/plan?model=m", "/api/audit"),
)
"""What an operator reads of the configuration, the log and the models."""


async def shown_by_admin(port: int) -> str:
    """Return all that the operator's site shows to whoever has the admin's key."""
    said = b""
    for path in SITE:
        client = await trio.open_tcp_stream("127.0.0.1", port)
        async with client:
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            await client.send_all(f"{head}Authorization: Bearer {ADMINS}\r\n\r\n".encode())
            said += path.encode()
            while data := await client.receive_some(65_536):
                said += data
    return said.decode()


def journals(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.writer-*") if path.stat().st_size]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def rows(server: RealPostgres, database: str) -> list[tuple[object, ...]]:
    """Return all that the database holds, as text."""
    tables = ("calls", "keys", "writers", "meta")
    asked = " UNION ALL ".join(f"SELECT to_json(t)::text FROM gateway.{each} t" for each in tables)
    return server.say(asked, database=database)


async def known(real: Gateway, key: str) -> None:
    """Wait until the gateway has heard of a key."""
    shown = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    shown += f"X-Api-Key: {key}\r\n\r\n".encode()
    with trio.fail_after(5):
        while (await say(real, shown)).status != 200:
            await trio.sleep(0.02)


async def test_r11_s17_whatever_is_away_no_secret_is_said_or_written(
    started: RealPostgres, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """R11, S17, S5, R13, R21: log, answers, metrics, commands, receipts, database and journals."""
    started.start()
    name, sink = started.create(LOCKED), Sink()
    up, place = await listen(nursery, provider), await listen(nursery, sink.script)
    given = environ(f"postgresql://{LOCKED}:{PASSWORD}@/{name}?host={started.folder}", place.port)
    config = CONFIG.format(issuer=ISSUER, up=up.port)
    options = ("--log-level", "debug", "--admin-port", str(port := free_port()))
    with gateway(tmp_path, config, *options, environ=given) as real:
        (tmp_path / "gateway.toml").chmod(0o600)
        key = run(tmp_path, given, "keys", "create", "ada", "--team", "few").split()[0]
        await known(real, key)
        said = await call_in_all_ways(real, key)
        said += "".join(run(tmp_path, given, *command) for command in COMMANDS[:5])
        await until(lambda: len(rows(started, name)) >= 2)
        started.kill()
        await ask(real, request(f"Authorization: Bearer {key}", stream=False, text=PROMPT))
        await until(lambda: journals(tmp_path), 5)
        said += "".join(run(tmp_path, given, *command) for command in COMMANDS)
        said += await shown_by_admin(port)
        assert said.count("HTTP/1.1 200") >= len(SITE) - 1
        assert "environment variable PROVIDER" in said
        await until(lambda: sink.heard)
        real.signal(signal.SIGUSR1)
        await until(lambda: real.lines("open now"))
        said += "".join(path.read_text() for path in journals(tmp_path))
        started.start()
    said += "".join(str(row) for row in rows(started, name))
    said += "".join(each.body.decode() for each in sink.heard)
    said += "".join(path.read_text(errors="replace") for path in files(tmp_path))
    assert "ada" in said
    assert found_in(said, key) == []
    assert "Traceback" not in real.log.read_text()
    nursery.cancel_scope.cancel()


HIDDEN = f"postgresql://who:{quote(DATABASES, safe='')}@127.0.0.1:{NOWHERE}/gateway"


async def test_r11_s17_a_start_without_its_database_says_why_and_no_secret(tmp_path: Path) -> None:
    """R11, S17: the last sentence of a process, and those of each command."""
    given = environ(HIDDEN, NOWHERE)
    (tmp_path / "gateway.toml").write_text(CONFIG.format(issuer=ISSUER, up=NOWHERE))
    ended = await trio.to_thread.run_sync(serve, tmp_path, given)
    assert (ended.returncode, "cannot be reached" in ended.stderr) == (1, True)
    said = ended.stdout + ended.stderr
    said += "".join(run(tmp_path, given, *command) for command in COMMANDS)
    assert said.count("postgresql://127.0.0.1:1/gateway cannot be reached") >= 5
    assert found_in(said) == []


def serve(folder: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--admin-port", "0"]
    environment = {**os.environ, **given}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_s17_nothing_that_holds_a_secret_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S17: what a traceback, a log or a debugger may be given."""
    given = environ(HIDDEN, NOWHERE)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.format(issuer=ISSUER, up=NOWHERE))
    config = read_configuration(path)
    parsed = (
        parse_database(HIDDEN, tmp_path),
        parse_store_url(given["SHARED"]),
        parse_sink(given["RECEIPTS"]),
    )
    said = "".join(f"{each!r} {each}" for each in (config, *parsed))
    assert "127.0.0.1" in said
    assert found_in(said) == []


NO_ADDRESSES = {
    "DATABASE": [
        f"postgresql://who:{DATABASES}@host/gateway",
        f"postgresql://who:{DATABASES}",
        f"postgres:{DATABASES}",
    ],
    "SHARED": [f"redis://who:{STORES}@host/0", f"redis://:{STORES}", f"valkey://:{STORES}@host"],
    "RECEIPTS": [
        f"http://sink:{SINKS}@host/in",
        f"https://host/in?token={SINKS_TOKEN}#there",
        f"sink://{SINKS}",
    ],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NO_ADDRESSES.items() for value in values]
)
def test_s17_an_address_that_is_none_is_not_repeated(name: str, value: str, tmp_path: Path) -> None:
    """S17, S7: a password with signs that it should not have is the usual mistake."""
    (tmp_path / "gateway.toml").write_text(CONFIG.format(issuer=ISSUER, up=NOWHERE))
    given = environ(HIDDEN, NOWHERE) | {name: value}
    said = "".join(run(tmp_path, given, *command) for command in COMMANDS)
    assert "gateway.toml:" in said
    assert found_in(said) == []


def test_a_secret_is_found_however_it_is_spelt() -> None:
    for text in (STORES, quote(STORES, safe=""), json.dumps({"a": f'"{STORES}'}), f"x{PROMPT}x"):
        assert len(found_in(f"{{{text}}}")) == 1
    assert found_in("key", "key") == ["key"]
