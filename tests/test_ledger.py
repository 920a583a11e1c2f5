"""The ledger of a real gateway: each call has its row, whatever became of it and of the process."""

import json
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import trio
from click.testing import CliRunner

from gateway.__main__ import cli
from gateway.store.database import Database
from tests.process import Gateway, gateway
from tests.rows_client import ask, request
from tests.scripted import Link, listen
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD
from tests.test_provider_rows import answer, chunks, told

CONFIG = """
[server]
workers = {workers}
[store]
database = "sqlite:///gateway.db"
[auth]
pepper = "a-pepper-for-tests-alone"
[teams.blue]
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["m"]
[models.m]
prices = {{ input = 1.0, output = 2.0 }}
"""

WHOLE = STREAM_HEAD + chunks(CHUNK % b"one", FINISH + DONE, b"")
BEGUN = STREAM_HEAD + chunks(CHUNK % b"one", CHUNK % b"two")


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return the ledger, read by SQLite itself."""
    connection = sqlite3.connect(f"file:{folder / 'gateway.db'}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM calls ORDER BY started_at_ns")
        return [dict(row) for row in found]
    finally:
        connection.close()


async def until(folder: Path, count: int, outcome: str) -> dict[str, Any]:
    """Wait for the newest of so many rows to end like this."""
    with trio.fail_after(5):
        while True:
            found = rows(folder)
            if len(found) == count and found[-1]["outcome"] == outcome:
                return found[-1]
            await trio.sleep(0.02)


def keys(folder: Path, *arguments: str) -> str:
    """Run `gateway keys`; return what it prints on stdout."""
    command = ["keys", *arguments, "--config", str(folder / "gateway.toml")]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


async def silent(link: Link) -> None:
    await link.request()
    await link.send(BEGUN)


async def test_every_call_has_its_row_with_what_it_came_to(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    parts = [WHOLE, answer("400 No", told("no", "bad")), BEGUN]

    async def script(link: Link) -> None:
        while True:
            await link.request()
            await link.send(parts.pop(0))

    server = await listen(nursery, script)
    with gateway(tmp_path, CONFIG.format(workers=1, port=server.port)) as real:
        assert (await ask(real, request(model="m"))).status == 200
        done = await until(tmp_path, 1, "completed")
        assert (done["model"], done["target"], done["status"]) == ("m", "up/m", 200)
        assert json.loads(done["attempts"])[0]["outcome"] == "completed"
        await ask(real, request(model="m"))
        assert (await until(tmp_path, 2, "upstream_error"))["cost_nanos"] is None
        await leave_in_mid_stream(real)
        left = await until(tmp_path, 3, "client_gone")
        assert (left["usage_quality"], left["tokens_out"]) == ("estimated", 2)
        assert left["cost_nanos"] == 1000 * left["tokens_in"] + 4000
        assert (await ask(real, request(model="nobody"))).status == 404
        await trio.sleep(0.05)
        assert len(rows(tmp_path)) == 3, "what was refused was no call"
    nursery.cancel_scope.cancel()


async def leave_in_mid_stream(real: Gateway) -> None:
    client = await trio.open_tcp_stream("127.0.0.1", real.port)
    async with client:
        await client.send_all(request(model="m"))
        said = b""
        while b"two" not in said:
            said += await client.receive_some(65_536)


async def test_g3_what_a_killed_process_had_open_is_closed_as_lost(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G3 in part: its row is there from the beginning, and is closed at the next start."""
    server = await listen(nursery, silent)
    config = CONFIG.format(workers=1, port=server.port)
    with gateway(tmp_path, config) as real:
        client = await trio.open_tcp_stream("127.0.0.1", real.port)
        async with client:
            await client.send_all(request(model="m"))
            await (await server.link(0)).asked.wait()
            with trio.fail_after(5):
                while not rows(tmp_path):
                    await trio.sleep(0.02)
            assert rows(tmp_path)[0]["outcome"] is None
            real.signal(signal.SIGKILL)
            await real.exit_code()
    with gateway(tmp_path, config):
        assert (await until(tmp_path, 1, "lost"))["model"] == "m"
    nursery.cancel_scope.cancel()


async def test_a_key_that_is_made_or_revoked_is_known_to_all_workers_within_a_second(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    async def script(link: Link) -> None:
        while True:
            await link.request()
            await link.send(WHOLE)

    server = await listen(nursery, script)
    with gateway(tmp_path, CONFIG.format(workers=2, port=server.port)) as real:
        await real.wait_for_workers(2)
        secret = keys(tmp_path, "create", "alice", "--team", "blue")
        await all_workers_say(real, 401)
        shown = f"Authorization: Bearer {secret}"
        answered = await ask(real, request(shown, model="m"))
        assert (answered.status, answered.line["key"], answered.line["team"]) == (
            200,
            "alice",
            "blue",
        )
        keys(tmp_path, "revoke", "alice")
        await all_workers_say(real, 401, shown)
        assert secret not in real.log.read_text()
        assert secret.encode() not in (tmp_path / "gateway.db").read_bytes()
    nursery.cancel_scope.cancel()


async def all_workers_say(real: Gateway, status: int, *fields: str) -> None:
    """Wait until ten connections in a row, which all workers share, are answered like this."""
    with trio.fail_after(2):
        row = 0
        while row < 10:
            answered = await ask(real, request(*fields, model="m"))
            row = row + 1 if answered.status == status else 0


async def test_limits_are_refused_where_several_workers_would_each_count_by_themselves(
    tmp_path: Path,
) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG.format(workers=2, port=9))
    command = ["keys", "create", "k", "--concurrency", "1"]
    result = CliRunner().invoke(cli, [*command, "--config", str(tmp_path / "gateway.toml")])
    assert result.exit_code == 1
    assert "must be 1 where keys, teams or models have limits" in result.stderr
    limited = CONFIG.format(workers=1, port=9) + "[teams.red]\nlimits = { concurrency = 1 }\n"
    (tmp_path / "gateway.toml").write_text(limited)
    serve = [sys.executable, "-m", "gateway", "serve", "--workers", "2", "--config"]
    ended = await trio.run_process(
        [*serve, str(tmp_path / "gateway.toml")], check=False, capture_stderr=True
    )
    assert (ended.returncode, b"--workers: must be 1" in ended.stderr) == (1, True)


async def test_a_database_that_is_taken_away_opens_no_door(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    with gateway(tmp_path, CONFIG.format(workers=1, port=9)) as real:
        keys(tmp_path, "create", "alice")
        await all_workers_say(real, 401)
        for path in tmp_path.glob("gateway.db*"):
            path.unlink()
        Database(tmp_path / "gateway.db").connect().close()
        for _ in range(20):
            assert (await ask(real, request(model="m"))).status == 401
            await trio.sleep(0.05)
    nursery.cancel_scope.cancel()
