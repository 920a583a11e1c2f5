"""Real gateways on a real PostgreSQL, which is killed under load and brought back."""

import json
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from gateway.__main__ import cli
from tests.process import Fields, Gateway, gateway
from tests.rows_client import ask, request
from tests.scripted import Link, Scripted, listen
from tests.store.real_postgres import LOCKED, PASSWORD, RealPostgres, running
from tests.store.real_store import until
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD
from tests.test_provider_rows import chunks

SECONDS_AWAY = 1.2
PAUSE = 0.02
CALLERS = 6

CONFIG = """
[server]
workers = {workers}
[store]
database = {{ env = "GATEWAY_DATABASE" }}
[auth]
pepper = "a-pepper-for-tests-alone"
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["m"]
[models.m]
prices = {{ input = 1.0, output = 2.0 }}
"""

ROWS = 'SELECT request_id, outcome FROM gateway.calls WHERE "key" LIKE %s'


@dataclass
class Shared:
    """A database of one server, as gateways on several machines are told of it."""

    server: RealPostgres
    name: str

    @property
    def environ(self) -> dict[str, str]:
        address = f"postgresql://{LOCKED}:{PASSWORD}@/{self.name}?host={self.server.folder}"
        return {"GATEWAY_DATABASE": address}

    def rows(self, key: str = "%") -> dict[str, str | None]:
        """Return how each call ended, by its request."""
        found = self.server.say(ROWS, (key,), self.name)
        assert len(found) == len({request_id for request_id, _ in found})
        return {str(request_id): outcome for request_id, outcome in found}  # type: ignore[misc]


@pytest.fixture(scope="session")
def started() -> RealPostgres:
    """Start the server before a test's own time begins."""
    return running()


@pytest.fixture
def shared(started: RealPostgres) -> Shared:
    started.start()
    return Shared(started, started.create(LOCKED))


class Provider:
    """Answers every call at once, but for the first: that stream goes on until it is told."""

    def __init__(self) -> None:
        self.end = trio.Event()
        self.sent = 0

    async def __call__(self, link: Link) -> None:
        if link.number == 0:
            await link.request()
            await link.send(STREAM_HEAD)
            while not self.end.is_set():
                await link.send(chunks(CHUNK % b"more"))
                self.sent += 1
                await trio.sleep(PAUSE)
            await link.send(chunks(FINISH + DONE, b""))
        while True:
            await link.request()
            await link.send(STREAM_HEAD + chunks(CHUNK % b"one", FINISH + DONE, b""))


async def up(nursery: trio.Nursery) -> tuple[Provider, Scripted]:
    provider = Provider()
    return provider, await listen(nursery, provider)


async def test_postgres_is_killed_under_load_and_no_row_is_missing_when_it_is_back(
    shared: Shared, tmp_path: Path, nursery: trio.Nursery
) -> None:
    provider, server = await up(nursery)
    settings = CONFIG.format(workers=2, port=server.port)
    asked: list[str] = []
    with gateway(tmp_path, settings, environ=shared.environ) as real:
        workers = await real.wait_for_workers(2)
        over = trio.Event()
        async with trio.open_nursery() as load:
            load.start_soon(one_call, real, asked)
            await until(lambda: provider.sent)
            for _ in range(CALLERS):
                load.start_soon(call_on_and_on, real, asked, over)
            await until(lambda: len(shared.rows()) > 2 * CALLERS)
            shared.server.kill()
            before, sent = len(asked), provider.sent
            await trio.sleep(SECONDS_AWAY)
            assert len(asked) > before + CALLERS, "calls were answered meanwhile"
            assert provider.sent > sent + 10, "the stream went on"
            shared.server.start()
            await trio.sleep(0.3)
            over.set()
            provider.end.set()
        await until(lambda: set(shared.rows()) == set(asked), 10)
        await until(lambda: set(shared.rows().values()) == {"completed"})
        gauges = [await gauges_of(real, pid) for pid in workers]
        told = {name: sum(each[f"ledger_{name}"] for each in gauges) for name in COUNTED}
        assert told["written_total"] + told["replayed_total"] == len(asked)
        assert told["journaled_total"] == told["replayed_total"] > 0
        assert told["lost_total"] == told["dropped_total"] == told["away"] == 0
        for event in ("ledger's database away, rows go into a journal", "ledger's database back"):
            await until(partial(has_lines, real, event, len(workers)))
        log = real.log.read_text()
    assert PASSWORD not in log, "S17"
    assert [path.name for path in tmp_path.glob("*.writer-*")] == []
    assert shared.server.say("SELECT count(*) FROM gateway.writers", database=shared.name) == [(0,)]
    nursery.cancel_scope.cancel()


COUNTED = (
    *("written_total", "journaled_total", "replayed_total", "lost_total", "dropped_total"),
    "away",
)


def has_lines(real: Gateway, event: str, count: int) -> bool:
    return len(real.lines(event)) == count


async def gauges_of(real: Gateway, pid: int) -> Fields:
    """Ask a worker what it has counted."""
    client = await trio.open_unix_socket(real.control / f"{real.process.pid}-{pid}.sock")
    async with client:
        await client.send_all(b'{"ask":"gauges"}\n')
        said = b""
        while not said.endswith(b"\n"):
            said += await client.receive_some(65_536)
    counted: Fields = json.loads(said)["gauges"]
    return counted


async def one_call(real: Gateway, asked: list[str]) -> None:
    told = await ask_long(real)
    asked.append(told)


async def ask_long(real: Gateway) -> str:
    """Ask, however long the answer takes; return the request's id."""
    client = await trio.open_tcp_stream("127.0.0.1", real.port)
    said = b""
    async with client:
        await client.send_all(request("x-request-id: the-long-one", model="m"))
        with trio.fail_after(20):
            while data := await client.receive_some(65_536):
                said += data
    assert b"[DONE]" in said
    return "the-long-one"


async def call_on_and_on(real: Gateway, asked: list[str], over: trio.Event) -> None:
    while not over.is_set():
        told = await ask(real, request(model="m"))
        assert told.status == 200
        asked.append(told.line["request_id"])


async def test_two_machines_share_keys_and_the_ledger(
    shared: Shared, tmp_path: Path, nursery: trio.Nursery
) -> None:
    provider, server = await up(nursery)
    provider.end.set()
    settings = CONFIG.format(workers=1, port=server.port)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with (
        gateway(folders[0], settings, environ=shared.environ) as one,
        gateway(folders[1], settings, environ=shared.environ) as two,
    ):
        shown = f"authorization: Bearer {run(shared, folders[0], 'keys', 'create', 'ada')}"
        for real in (one, two):
            await answers(real, 401)
            await answers(real, 200, shown)
        run(shared, folders[1], "keys", "revoke", "ada")
        for real in (one, two):
            await answers(real, 401, shown)
        asked = sum(len(real.lines()) for real in (one, two))
        await until(lambda: len(shared.rows()) + refused(one) + refused(two) == asked)
        assert set(shared.rows().values()) == {"completed"}
        said = run(shared, folders[0], "usage", "--by", "key", "--csv")
        assert f"ada,{len(shared.rows('ada'))}," in said
        (folders[0] / "gateway.toml").chmod(0o600)
        assert f"{LOCKED}:***@" in run(shared, folders[0], "check")
        two.signal(signal.SIGKILL)
        await two.exit_code()
    with gateway(folders[1], settings, environ=shared.environ) as again:
        await answers(again, 401)
        assert PASSWORD not in again.log.read_text()
    nursery.cancel_scope.cancel()


def refused(real: Gateway) -> int:
    return len([line for line in real.lines() if line["status"] == 401])


async def answers(real: Gateway, status: int, *fields: str) -> None:
    """Wait until a gateway answers like this: a change of keys takes a second at most."""
    with trio.fail_after(2):
        while (await ask(real, request(*fields, model="m"))).status != status:
            await trio.sleep(PAUSE)


def run(shared: Shared, folder: Path, *arguments: str) -> str:
    """Run a command of ours; return what it prints on stdout."""
    command = [*arguments, "--config", str(folder / "gateway.toml")]
    result = CliRunner().invoke(cli, command, env=shared.environ)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()
