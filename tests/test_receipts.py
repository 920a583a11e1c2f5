"""Receipts besides the ledger: a real process, a real file, a real sink, and an end by SIGTERM."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.process import Gateway, gateway
from tests.rows_client import ask, request
from tests.scripted import Link, Received, Scripted, listen
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD
from tests.test_ledger import leave_in_mid_stream, rows
from tests.test_provider_rows import chunks

CONFIG = """
[store]
database = "sqlite:///gateway.db"
[telemetry]
receipts = "{receipts}"
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["m"]
[models.m]
prices = {{ input = 1.0, output = 2.0 }}
"""
TOKEN = "token-0123456789"
CANARY = "canary"
"""What a client asks and a provider answers; nobody else may hear of it (R21)."""

WHOLE = STREAM_HEAD + chunks(CHUNK % CANARY.encode(), FINISH + DONE, b"")
BEGUN = STREAM_HEAD + chunks(CHUNK % CANARY.encode(), CHUNK % b"two")
CALLS = 20


async def whole(link: Link) -> None:
    while True:
        await link.request()
        await link.send(WHOLE)


async def silent(link: Link) -> None:
    await link.request()
    await link.send(BEGUN)


class Sink:
    """A place that takes batches, answering by a list of statuses; None is silence."""

    def __init__(self, *answers: int | None) -> None:
        self.heard: list[Received] = []
        self.answers = list(answers)

    async def script(self, link: Link) -> None:
        while True:
            self.heard.append(await link.request())
            status = self.answers.pop(0) if self.answers else 200
            if status is not None:
                await link.send(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % status)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for each in self.heard for line in each.body.splitlines()]


async def ask_often(real: Gateway) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(CALLS):
            nursery.start_soon(ask, real, request(model="m", text=CANARY))


async def end(real: Gateway) -> None:
    real.signal(signal.SIGTERM)
    assert await real.exit_code() == 0


def same(lines: list[dict[str, Any]], folder: Path) -> None:
    """Have the lines say what the ledger's rows say, each call once."""
    known = {row["request_id"]: row for row in rows(folder)}
    assert len(lines) == len(known)
    for line in lines:
        row = known[line["request_id"]]
        row["attempts"], row["tags"] = json.loads(row["attempts"]), json.loads(row["tags"])
        for name in line.keys() - {"started_at_ns", "ended_at_ns"}:
            assert line[name] == row[name], name
        for name in ("started_at_ns", "ended_at_ns"):
            assert abs(line[name] - row[name]) < 50_000_000
    assert CANARY not in json.dumps(lines)


async def test_no_receipt_is_dropped_on_sigterm_where_a_file_takes_them(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G14, R21."""
    server = await listen(nursery, whole)
    path = tmp_path / "receipts.jsonl"
    with gateway(tmp_path, CONFIG.format(receipts=f"file://{path}", port=server.port)) as real:
        await ask_often(real)
        await end(real)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["outcome"] for line in lines] == ["completed"] * CALLS
    same(lines, tmp_path)
    nursery.cancel_scope.cancel()


async def test_a_call_that_sigterm_ends_has_its_receipt(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G1, G14: calls end first, then the sink."""
    server, sink = await listen(nursery, silent), Sink()
    place = await listen(nursery, sink.script)
    config = CONFIG.format(receipts=f"http://127.0.0.1:{place.port}/in", port=server.port)
    config += "[server]\ndrain_timeout = 0.1\n"
    with gateway(tmp_path, config) as real:
        client = await trio.open_tcp_stream("127.0.0.1", real.port)
        async with client:
            await client.send_all(request(model="m", text=CANARY))
            await (await server.link(0)).asked.wait()
            await client.receive_some(65_536)
            await leave_in_mid_stream(real)
            real.signal(signal.SIGTERM)
            while await client.receive_some(65_536):
                pass
        assert await real.exit_code() == 0
    assert sorted(line["outcome"] for line in sink.lines()) == ["client_gone", "stopped"]
    same(sink.lines(), tmp_path)
    nursery.cancel_scope.cancel()


async def test_an_http_sink_hears_of_every_call_once_it_is_back(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    server, sink = await listen(nursery, whole), Sink(503, 429)
    place = await listen(nursery, sink.script)
    address = f"http://me:{TOKEN}@127.0.0.1:{place.port}/in"
    with gateway(tmp_path, CONFIG.format(receipts=address, port=server.port)) as real:
        await ask_often(real)
        await end(real)
        taken, sink.heard = sink.heard, sink.heard[2:]
        same(sink.lines(), tmp_path)
        assert {each.line for each in taken} == {b"POST /in HTTP/1.1"}
        assert taken[0].values(b"content-type") == [b"application/x-ndjson"]
        assert taken[0].values(b"authorization")[0].startswith(b"Basic ")
        assert len({each.values(b"idempotency-key")[0] for each in taken[:3]}) == 1
        assert TOKEN not in real.log.read_text()
        assert len(real.lines("receipts cannot be written, they wait")) == 1
    nursery.cancel_scope.cancel()


async def test_a_sink_that_hangs_holds_up_no_call_and_the_end_for_seconds_alone(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    server, sink = await listen(nursery, whole), Sink(None)
    place: Scripted = await listen(nursery, sink.script)
    address = f"http://127.0.0.1:{place.port}/in"
    with gateway(tmp_path, CONFIG.format(receipts=address, port=server.port)) as real:
        await ask_often(real)
        began = trio.current_time()
        await end(real)
        assert trio.current_time() - began < 10
        (lost,) = real.lines("receipts lost")
        assert lost["count"] == CALLS
    assert len(rows(tmp_path)) == CALLS
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("said", ["file:///no/such/folder/r.jsonl", "receipts.jsonl"])
async def test_what_is_no_sink_does_not_start(said: str, tmp_path: Path) -> None:
    config = CONFIG.format(receipts=said, port=9)
    with (
        pytest.raises(AssertionError, match="telemetry.receipts"),
        gateway(tmp_path, config),
    ):
        raise ValueError("it has started")
