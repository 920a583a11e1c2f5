"""Where receipts and traces go: looked at without leaving anything there."""

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest
import trio

from gateway.commands.demonstration.inside import FarAway
from gateway.commands.diagnosis.outlets import collector, receipts_file, receipts_server
from gateway.commands.diagnosis.provider import Tools
from gateway.commands.diagnosis.verdict import Level, Verdict
from gateway.commands.diagnosis.witness import Witness
from gateway.store.sink_address import parse_sink
from gateway.telemetry.options import LogOptions
from gateway.upstream.dial import Dialer, tls_context
from gateway.upstream.grants import Seams
from gateway.upstream.probe import client_on
from gateway.upstream.transport import Transport
from gateway.words.secret import Secret
from tests.otlp_receiver import Receiver
from tests.scripted import Link, listen


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    transport = Transport(Dialer().connect)
    witness = Witness(transport, lambda: 0.0)
    seams = Seams(lambda: 0.0, lambda: 0.5, lambda *_: None, Path())
    yield Tools(client_on(witness), witness, cache(tls_context), lambda: 0.0, {}, seams)
    transport.pool.close_unused()


def levels(found: object) -> list[tuple[str, Level]]:
    assert isinstance(found, list | tuple)
    verdicts: list[Verdict] = list(found)
    return [(each.check, each.level) for each in verdicts]


def test_a_file_of_receipts_is_looked_at_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "receipts.jsonl"
    assert levels(receipts_file(path))[0] == ("file", Level.OK)
    assert not path.exists()
    path.write_text("{}\n")
    assert levels(receipts_file(path))[0] == ("file", Level.OK)
    assert path.read_text() == "{}\n"
    for wrong in (tmp_path, tmp_path / "gone" / "receipts.jsonl", path / "below"):
        (only,) = receipts_file(wrong)
        assert (only.level, only.remedy != "") == (Level.FAIL, True)


async def test_a_sink_of_receipts_is_gone_to_and_sent_nothing(
    tools: Tools, nursery: trio.Nursery
) -> None:
    async def silent(link: Link) -> None:
        await trio.sleep_forever()

    server = await listen(nursery, silent)
    place = parse_sink(f"http://u:password@127.0.0.1:{server.port}/in")
    found = await receipts_server(place, tools)
    assert levels(found) == [("tcp", Level.OK), ("answer", Level.SKIPPED)]
    link = await server.link(0)
    await link.gone.wait()
    assert link.received == b""
    far = FarAway()
    far.close()
    found = await receipts_server(parse_sink(f"http://127.0.0.1:{far.port}/in"), tools)
    assert levels(found) == [("tcp", Level.FAIL)]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (200, Level.OK),
        (401, Level.FAIL),
        (404, Level.FAIL),
        (400, Level.WARN),
        (503, Level.FAIL),
    ],
)
async def test_a_collector_is_sent_a_batch_of_none_as_it_would_be_sent_spans(
    tools: Tools, nursery: trio.Nursery, status: int, level: Level
) -> None:
    receiver = Receiver(status)
    server = await listen(nursery, receiver.script)
    options = LogOptions(
        otlp_endpoint=Secret(f"http://127.0.0.1:{server.port}"),
        otlp_headers={"x-token": Secret("a-token-of-ours")},
    )
    found = await collector(options, tools)
    assert levels(found) == [("tcp", Level.OK), ("answer", level)]
    (heard,) = receiver.heard
    assert heard.line == b"POST /v1/traces HTTP/1.1"
    assert heard.values(b"x-token") == [b"a-token-of-ours"]
    assert heard.values(b"content-type") == [b"application/x-protobuf"]
    assert receiver.spans == []
    nursery.cancel_scope.cancel()


async def test_a_collector_that_hangs_up_or_is_not_there_is_told(
    tools: Tools, nursery: trio.Nursery
) -> None:
    async def hangs_up(link: Link) -> None:
        await link.request()
        link.rst()

    server = await listen(nursery, hangs_up)
    options = LogOptions(otlp_endpoint=Secret(f"http://127.0.0.1:{server.port}"))
    assert levels(await collector(options, tools))[-1] == ("answer", Level.FAIL)
    far = FarAway()
    far.close()
    options = LogOptions(otlp_endpoint=Secret(f"http://127.0.0.1:{far.port}"))
    assert levels(await collector(options, tools)) == [("tcp", Level.FAIL)]
    nursery.cancel_scope.cancel()
