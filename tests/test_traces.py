"""Traces: a real process with two workers, and a collector that takes OTLP over HTTP.

What one run of calls comes to is looked at by all the tests of this file.
"""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from tests.otlp_receiver import CLIENT, SERVER, Heard, Receiver
from tests.process import Fields, Gateway, gateway
from tests.rows_client import ask, request
from tests.scripted import Link, Received, listen
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD
from tests.test_provider_rows import chunks

CONFIG = """
[server]
workers = 2
[telemetry]
otlp_endpoint = "http://127.0.0.1:{collector}"
otlp_headers = {{ x-token = "{token}", authorization = "Bearer%20{token}" }}
service_name = "gate-7"
{providers}
[models.good]
targets = ["one-m"]
[models.falls]
targets = ["bad-m", "one-m"]
strategy = "order"
[models.races]
targets = ["slow-m", "one-m"]
strategy = "order"
hedge_after = 0.1
"""
PROVIDER = """
[providers.{name}]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = {{ "{name}-m" = "m" }}
"""
TOKEN = "token-0123456789"
CANARY = "canary-of-what-was-said"
"""What a client asks and a provider answers; no collector may hear of it (R21)."""

ABOVE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"traceparent: 00-{ABOVE}-00f067aa0ba902b7-01"
UNSAMPLED = "traceparent: 00-aaaabbbbccccddddaaaabbbbccccdddd-00f067aa0ba902b7-00"
STATE = "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
FAILS = b"HTTP/1.1 500 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
CALLS = 16
"""So many that each of two workers has some."""

USAGE = (
    b'data: {"id":"c","model":"m-7","choices":[],"usage":%b}\n\n'
    % json.dumps({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}).encode()
)
WHOLE = STREAM_HEAD + chunks(CHUNK % CANARY.encode(), FINISH, USAGE + DONE, b"")
BEGUN = STREAM_HEAD + chunks(CHUNK % CANARY.encode(), CHUNK % b"two")
OTHERS = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-other=1",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=other",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_SERVICE_NAME": "other",
    "OTEL_TRACES_SAMPLER": "always_off",
}
"""What OpenTelemetry's own libraries would heed."""


class Provider:
    """Says the same to each request; notes what it was asked."""

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.asked: list[Received] = []

    async def script(self, link: Link) -> None:
        while True:
            self.asked.append(await link.request())
            await link.send(self.said)


PROVIDERS = {"one": WHOLE, "bad": FAILS, "slow": b"", "open": BEGUN}


class Run(NamedTuple):
    """What came of all calls."""

    spans: list[Heard]
    taken: list[Received]
    lines: dict[str, Fields]
    asked: dict[str, list[Received]]

    def call(self, wanted: Callable[[Heard], bool]) -> tuple[Heard, list[Heard]]:
        """Return the span of the only such call, and those of its attempts, in turn."""
        (call,) = [span for span in self.spans if span.kind == SERVER and wanted(span)]
        below = [span for span in self.spans if span.parent == call.id]
        return call, sorted(below, key=lambda span: span.began)

    def of_model(self, model: str) -> tuple[Heard, list[Heard]]:
        return self.call(lambda span: span.values.get("gen_ai.request.model") == model)


async def act(folder: Path) -> Run:
    """Start all of it, ask for this and that, and end it."""
    receiver = Receiver()
    known = {name: Provider(said) for name, said in PROVIDERS.items()}
    async with trio.open_nursery() as nursery:
        collector = await listen(nursery, receiver.script)
        servers = {name: await listen(nursery, each.script) for name, each in known.items()}
        tables = [PROVIDER.format(name=name, port=each.port) for name, each in servers.items()]
        config = CONFIG.format(collector=collector.port, token=TOKEN, providers="".join(tables))
        with gateway(folder, config, environ=OTHERS) as real:
            await ask_all(real)
            await leave(real, known["open"])
            real.signal(signal.SIGTERM)
            assert await real.exit_code() == 0
            lines = {line["request_id"]: line for line in real.lines()}
            assert TOKEN not in real.log.read_text()
        nursery.cancel_scope.cancel()
    asked = {name: each.asked for name, each in known.items()}
    return Run(receiver.spans, receiver.heard, lines, asked)


async def ask_all(real: Gateway) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(CALLS):
            nursery.start_soon(ask, real, request(model="good", text=CANARY))
        nursery.start_soon(ask, real, request(PARENT, STATE, model="falls", text=CANARY))
        nursery.start_soon(ask, real, request(UNSAMPLED, model="one-m", text=CANARY))
        nursery.start_soon(ask, real, request(model="races", text=CANARY))
        nursery.start_soon(ask, real, request(model="nobody", text=CANARY))
        nursery.start_soon(probe, real)


async def probe(real: Gateway) -> None:
    """Ask whether it is well; the log does not tell of that."""
    async with await trio.open_tcp_stream("127.0.0.1", real.port) as client:
        await client.send_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in await client.receive_some(65_536)


async def leave(real: Gateway, provider: Provider) -> None:
    """Ask for a stream, and leave once it has begun."""
    async with await trio.open_tcp_stream("127.0.0.1", real.port) as client:
        await client.send_all(request(model="open-m", text=CANARY))
        while CANARY.encode() not in await client.receive_some(65_536):
            pass
    await real.wait_for_lines(1, lambda line: line["outcome"] == "client_gone")
    assert len(provider.asked) == 1


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run for all tests."""
    return trio.run(act, tmp_path_factory.mktemp("traces"))


def test_each_call_is_one_span_and_each_attempt_one_below_it(run: Run) -> None:
    calls = [span for span in run.spans if span.kind == SERVER]
    assert len(calls) == CALLS + 4, "a probe has none, nor has what is not sampled"
    assert {span.trace for span in run.spans} == {span.trace for span in calls}
    good = [span for span in calls if span.values.get("gen_ai.request.model") == "good"]
    assert len({span.trace for span in good}) == len(good) == CALLS
    for call in good:
        (attempt,) = [span for span in run.spans if span.parent == call.id]
        assert (attempt.kind, attempt.trace, call.parent) == (CLIENT, call.trace, "")
        assert call.began <= attempt.began <= attempt.ended <= call.ended
    assert len({span.about["process.pid"] for span in good}) == 2
    assert {span.about["service.name"] for span in run.spans} == {"gate-7"}


def test_what_a_span_says_is_named_as_the_conventions_name_it(run: Run) -> None:
    calls = [s for s in run.spans if s.values.get("gen_ai.request.model") == "good"]
    call = calls[0]
    (attempt,) = [span for span in run.spans if span.parent == call.id]
    assert (call.name, attempt.name) == ("POST /v1/chat/completions", "chat m")
    wanted = {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "url.path": "/v1/chat/completions",
        "gen_ai.response.model": "m-7",
        "gateway.outcome": "completed",
        "gateway.target": "one/m",
    }
    assert wanted.items() <= call.values.items()
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-7",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "server.address": "127.0.0.1",
    }
    assert wanted.items() <= attempt.values.items()
    assert (call.failed, attempt.failed) == (False, False)
    assert [name for name, _, _ in call.moments] == ["gateway.body", "gateway.first_content"]


def test_traces_and_the_log_are_joined_by_both_ids(run: Run) -> None:
    for span in run.spans:
        line = run.lines[span.values["gateway.request_id"]]
        assert line["trace_id"] == span.trace
    assert all(line["trace_id"] for line in run.lines.values())


def test_a_fallback_is_two_attempts_below_the_clients_own_span(run: Run) -> None:
    call, (bad, good) = run.of_model("falls")
    assert (call.trace, call.parent, call.state) == (ABOVE, "00f067aa0ba902b7", STATE[12:])
    assert call.flags == 0x301, "sampled, below another process"
    assert (bad.failed, bad.values["error.type"]) == (True, bad.values["gateway.attempt.outcome"])
    assert (good.failed, good.values["gateway.attempt"], call.failed) == (False, 2, False)
    ((_, _, values),) = [m for m in call.moments if m[0] == "gateway.fallback"]
    assert values == {"gateway.target": "one/m"}


def test_each_attempt_tells_its_provider_its_own_span(run: Run) -> None:
    call, (bad, good) = run.of_model("falls")
    (asked,) = run.asked["bad"]
    assert asked.values(b"traceparent") == [f"00-{ABOVE}-{bad.id}-01".encode()]
    assert asked.values(b"tracestate") == [STATE[12:].encode()]
    told = [each.values(b"traceparent") for each in run.asked["one"]]
    assert [f"00-{ABOVE}-{good.id}-01".encode()] in told
    assert all(len(each) == 1 for each in told)
    assert sum(each[0].endswith(b"-00") for each in told) == 1, "who is not sampled says so"
    assert call.id not in str(told)


def test_a_race_is_two_attempts_of_which_one_has_lost(run: Run) -> None:
    call, (slow, fast) = run.of_model("races")
    assert slow.values["gateway.attempt.outcome"] == "lost"
    assert (slow.failed, fast.failed, call.failed) == (False, False, False)
    assert slow.began < fast.began < slow.ended
    assert "gen_ai.response.time_to_first_chunk" not in slow.values
    assert 0 < fast.values["gen_ai.response.time_to_first_chunk"] < 5
    assert call.values["gateway.hedged"] is True
    assert "gateway.hedge" in [name for name, _, _ in call.moments]


def test_a_client_that_leaves_is_told_and_is_nobodys_failure(run: Run) -> None:
    call, (attempt,) = run.of_model("open-m")
    assert (call.values["gateway.outcome"], call.values["gateway.phase"]) == (
        "client_gone",
        "streaming",
    )
    ((_, at, values),) = [m for m in call.moments if m[0] == "gateway.cut"]
    assert (values, call.began < at <= call.ended) == ({"gateway.cause": "client_gone"}, True)
    assert attempt.values["gateway.attempt.outcome"] == "cancelled"
    assert (call.failed, attempt.failed) == (False, False)


def test_what_is_refused_is_a_span_without_attempts(run: Run) -> None:
    call, attempts = run.call(lambda span: span.values.get("http.response.status_code") == 404)
    assert (attempts, call.failed, call.values["gateway.outcome"]) == ([], False, "refused")
    assert call.values["error.type"] == "model_not_found"


def test_r21_nothing_of_a_prompt_or_an_answer_is_in_any_span(run: Run) -> None:
    """R21."""
    assert any(CANARY.encode() in each.body for each in run.asked["one"])
    assert all(CANARY.encode() not in each.body for each in run.taken)


def test_the_collector_is_shown_what_is_configured_and_no_variable_has_a_say(run: Run) -> None:
    assert {each.line for each in run.taken} == {b"POST /v1/traces HTTP/1.1"}
    first = run.taken[0]
    assert first.values(b"content-type") == [b"application/x-protobuf"]
    assert first.values(b"authorization") == [f"Bearer {TOKEN}".encode()]
    assert (first.values(b"x-token"), first.values(b"x-other")) == ([TOKEN.encode()], [])


async def no_tls(link: Link) -> None:
    await link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_a_collector_that_cannot_be_trusted_harms_no_call_and_is_told_of_once(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    provider = Provider(WHOLE)
    server = await listen(nursery, provider.script)
    place = await listen(nursery, no_tls)
    config = f"""
[telemetry]
otlp_endpoint = "https://me:{TOKEN}@127.0.0.1:{place.port}"
{PROVIDER.format(name="one", port=server.port)}
"""
    with gateway(tmp_path, config) as real:
        for _ in range(3):
            assert (await ask(real, request(model="one-m"))).whole
        await place.link(0)
        began = trio.current_time()
        real.signal(signal.SIGTERM)
        assert await real.exit_code() == 0
        assert trio.current_time() - began < 5
        (told,) = real.lines("traces cannot be exported")
        assert f"127.0.0.1:{place.port}" in told["error"]
        assert TOKEN not in real.log.read_text()
    nursery.cancel_scope.cancel()
