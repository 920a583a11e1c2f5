"""The scorecard of fail-over: providers do what their scripts say, and a run is told of."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner
from rich.console import Console

from benchmarks.failover import acts, judge
from benchmarks.failover.__main__ import main
from benchmarks.failover.acts import TALE, End, Teller
from benchmarks.failover.client import Caller
from benchmarks.failover.page import render, write
from benchmarks.failover.reading import read
from benchmarks.failover.records import Asked, Heard, Row, Scorecard
from benchmarks.failover.scenarios import SCENARIOS, Scenario
from benchmarks.failover.settings import CONTEXT_FALLBACK, FALLBACK, MODEL
from benchmarks.failover.show import Show, times, total
from benchmarks.failover.stage import against, log_lines, new_stand, ours
from benchmarks.failover.upstream import Link, Upstream
from benchmarks.failover.upstream import read as read_request
from tests.benchmarks.fixtures import MACHINE

NAMED = {scenario.name: scenario for scenario in SCENARIOS}
ASKED = Asked(call="call-a", model="m", stream=True, usage=True)
PATIENCE = 10.0


def wire(act: acts.Act) -> bytes:
    """Return the body that an act sends, without its chunks' lengths."""
    _, _, body = b"".join(part for part in act if isinstance(part, bytes)).partition(b"\r\n\r\n")
    if not re.match(rb"[0-9a-f]+\r\n", body):
        return body
    parts = re.split(rb"\r\n(?=[0-9a-f]+\r\n)", b"\r\n" + body)
    return b"".join(part.partition(b"\r\n")[2] for part in parts)


def hear(body: bytes, content_type: str = "text/event-stream") -> Heard:
    """Read a body."""
    one = Heard(call="call-a", mode="stream", headers={"content-type": content_type})
    read(one, body)
    return one


@pytest.mark.parametrize(
    "reply", [acts.answers, acts.answers_in_slices, acts.refuses_prefill, acts.begins_late(0.01)]
)
def test_every_answer_says_the_same(reply: acts.Reply) -> None:
    one = hear(wire(reply(ASKED, "primary")))
    assert (one.text, one.finishes, one.done, one.error) == (TALE, ["stop"], True, None)
    assert one.usage == acts.usage("primary")


def test_an_answer_in_one_piece_says_it_too() -> None:
    asked = msgspec.structs.replace(ASKED, stream=False)
    one = hear(wire(acts.answers(asked, "secondary")), "application/json")
    assert (one.text, one.models, one.usage) == (TALE, ["m"], acts.usage("secondary"))
    refusal = hear(wire(acts.tells_an_error(asked, "primary")), "application/json")
    assert refusal.error is not None
    assert refusal.error["code"] == "loading"
    assert hear(wire(acts.shows_a_page(asked, "primary")), "text/html").error is None


def test_a_provider_goes_on_from_the_beginning_that_it_is_given() -> None:
    begun = msgspec.structs.replace(ASKED, prefill=TALE[:40])
    assert hear(wire(acts.answers(begun, "primary"))).text == TALE[40:]
    assert b"invalid_prefill" in wire(acts.refuses_prefill(begun, "primary"))


def test_one_that_breaks_off_has_said_a_part() -> None:
    one = hear(wire(acts.breaks_off(End.FIN)(ASKED, "primary")))
    assert TALE.startswith(one.text)
    assert len(one.text.split()) == acts.SAID
    assert (one.done, one.finishes, one.ids) == (False, [], ["chatcmpl-primary-0"])


def test_what_is_broken_or_behind_an_error_is_seen() -> None:
    broken = hear(wire(acts.stumbles(ASKED, "primary")))
    assert broken.error is not None
    assert broken.error["code"] == "not JSON"
    event = Teller(ASKED, "primary").delta(content="more")
    one = hear(b'data: {"error": "no"}\r\n\r\n' + event + b"data: [DONE]\n\n")
    assert (one.error, one.done) == ({"message": "no"}, True)
    assert "more" in one.late
    assert "[DONE]" in one.late


def test_no_done_is_sent_by_one_that_forgets_it() -> None:
    one = hear(wire(acts.forgets_done(ASKED, "primary")))
    assert (one.text, one.done) == (TALE, False)


def test_a_request_is_read_with_its_mark_and_its_prefill() -> None:
    said = [{"role": "user", "content": "Tell. [call-x-3]"}, {"role": "assistant", "content": "A"}]
    body = json.dumps({"model": "m", "messages": said, "stream": True}).encode()
    assert read_request(body) == Asked(call="call-x-3", model="m", stream=True, prefill="A")
    assert read_request(b"") is None


def post(call: str, *, stream: bool = False) -> bytes:
    """Return a request."""
    said = [{"role": "user", "content": f"[{call}]"}]
    body = json.dumps({"model": "m", "messages": said, "stream": stream}).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def whole_reply(port: int, request: bytes) -> bytes:
    """Ask, and read until the answer's end, or the connection's."""
    data = b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)
        while not complete(data) and (more := await stream.receive_some(65_536)):
            data += more
    return data


def complete(data: bytes) -> bool:
    """Say whether an answer has come to its end."""
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return len(body) >= int(length[1]) if length else body.endswith(acts.LAST_CHUNK)


async def test_a_provider_follows_its_script_and_notes_each_attempt() -> None:
    upstream = Upstream("primary")
    refusal = acts.refuses("503 Service Unavailable", "overloaded", retry_after="1")
    async with trio.open_nursery() as nursery:
        upstream.follow((refusal, acts.answers), nursery)
        replies = [await whole_reply(upstream.port, post(f"call-{each}")) for each in range(3)]
        nursery.cancel_scope.cancel()
    assert [reply[9:12] for reply in replies] == [b"503", b"200", b"200"]
    assert b"retry-after: 1\r\n" in replies[0]
    assert [each.asked.call for each in upstream.attempts] == ["call-0", "call-1", "call-2"]
    assert [each.asked.number for each in upstream.attempts] == [1, 2, 3]


async def test_a_connection_is_of_use_again_and_what_is_no_request_is_refused() -> None:
    upstream = Upstream("primary")
    async with trio.open_nursery() as nursery:
        upstream.follow((acts.answers,), nursery)
        async with await trio.open_tcp_stream("127.0.0.1", upstream.port) as stream:
            await stream.send_all(b"GET /v1/models HTTP/1.1\r\n\r\n" + post("call-a"))
            data = b""
            while b" 200 OK" not in data:
                data += await stream.receive_some(65_536)
        nursery.cancel_scope.cancel()
    assert data.startswith(b"HTTP/1.1 404")
    assert len(upstream.attempts) == 1


async def test_resets_and_ends_are_what_they_are_called() -> None:
    upstream = Upstream("primary")
    async with trio.open_nursery() as nursery:
        upstream.follow((acts.resets, acts.breaks_off(End.FIN), acts.starts_only), nursery)
        with pytest.raises(trio.BrokenResourceError):
            await whole_reply(upstream.port, post("call-a"))
        assert not complete(await whole_reply(upstream.port, post("call-a")))
        assert b"role" in await whole_reply(upstream.port, post("call-a", stream=True))
        nursery.cancel_scope.cancel()


async def test_a_silent_provider_notes_when_it_was_left() -> None:
    upstream = Upstream("primary")
    async with trio.open_nursery() as nursery:
        upstream.follow((acts.stays_silent,), nursery)
        with trio.move_on_after(0.03):
            await whole_reply(upstream.port, post("call-a"))
        with trio.fail_after(PATIENCE):
            while upstream.attempts[0].gone is None:
                await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert upstream.attempts[0].gone > upstream.attempts[0].at


async def test_one_that_refuses_keeps_its_port_and_comes_back() -> None:
    upstream = Upstream("primary")
    async with trio.open_nursery() as nursery:
        for script, refused in (((), True), ((acts.answers,), False), ((), True)):
            upstream.follow(script, nursery)
            await trio.sleep(0.01)
            if refused:
                with pytest.raises(OSError, match="refused|connect"):
                    await trio.open_tcp_stream("127.0.0.1", upstream.port)
            else:
                assert complete(await whole_reply(upstream.port, post("call-a")))
        nursery.cancel_scope.cancel()
    upstream.close()


async def test_a_port_that_is_taken_leaves_nothing_behind() -> None:
    upstream = Upstream("primary")
    async with trio.open_nursery() as nursery:
        upstream.follow((acts.answers,), nursery)
        with pytest.raises(OSError, match="cannot be had"):
            new_stand(Caller("", "m"), (0, upstream.port))
        nursery.cancel_scope.cancel()


class StandIn:
    """A gateway that asks the primary, then the secondary.

    A careless one hands over whatever the primary says; the other reads an answer to its end first.
    """

    def __init__(self, ports: Iterable[int], *, careless: bool = False) -> None:
        self.ports = list(ports)
        self.careless = careless

    async def answer(self, stream: trio.SocketStream) -> None:
        link = Link(stream)
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(link.listen)
            body = await link.request()
            request = b"POST /x HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            with suppress(trio.BrokenResourceError):
                await stream.send_all(await self.found(request))
            nursery.cancel_scope.cancel()

    async def found(self, request: bytes) -> bytes:
        """Return the first answer that is one, else the last refusal."""
        data = b""
        for port in self.ports:
            with suppress(OSError, trio.BrokenResourceError):
                data = await whole_reply(port, request)
                good = data.startswith(b"HTTP/1.1 200") and b"choices" in data and complete(data)
                if good or self.careless:
                    return data
        return data


async def scored(scenarios: list[Scenario], *, careless: bool = False) -> list[Row]:
    """Score a stand-in."""
    taken = [Upstream(name) for name in ("primary", "secondary")]
    ports = [upstream.port for upstream in taken]
    for upstream in taken:
        upstream.close()
    told: list[Row] = []
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            stand_in = StandIn(ports, careless=careless)
            nursery.start_soon(trio.serve_listeners, stand_in.answer, [listener])
            url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1"
            rows = await against(Caller(url, "any"), ports, scenarios, told.append)
            nursery.cancel_scope.cancel()
    assert rows == told
    return rows


PLAIN = [
    replace(NAMED["500-once"], modes=("stream",)),
    replace(NAMED["refused"], modes=("whole",)),
    replace(NAMED["html-page"], modes=("whole",)),
    NAMED["cut-fin"],
    NAMED["no-done"],
]


async def test_a_gateway_that_reads_on_before_it_answers_passes() -> None:
    rows = await scored(PLAIN)
    assert [(row.scenario, row.problems) for row in rows if row.problems] == [
        ("no-done", ["call-no-done ends without [DONE]"])
    ]
    assert {row.mode for row in rows} == {"stream", "whole"}
    assert rows[0].got == "all of it, by any"
    assert len(rows[0].primary) == len(rows[0].secondary) == 1


async def test_a_careless_gateway_fails() -> None:
    rows = await scored(PLAIN, careless=True)
    assert [row.scenario for row in rows if row.passed] == ["refused"]
    problems = {(row.scenario, row.mode): row.problems[0] for row in rows if row.problems}
    assert problems["500-once", "stream"].endswith("got no answer: 500 internal_error")
    assert "got another text: ''" in problems["html-page", "whole"]
    assert "got another text: 'A small boat" in problems["cut-fin", "stream"]


async def test_calls_are_made_together_and_until_the_primary_is_back() -> None:
    few = replace(NAMED["storm"], modes=("whole",), bars=(judge.bounded("primary", 50),))
    rows = await scored([few, replace(NAMED["flapping"], modes=("whole",))])
    assert [row.problems for row in rows] == [[], []]
    assert [len(row.primary) for row in rows] == [50, 4]


async def test_the_gateway_itself_is_scored_with_its_log(tmp_path: Path) -> None:
    """It needs no fail-over here, so that what fails is the scorecard."""
    (row,) = await ours(tmp_path, [replace(NAMED["malformed-event"], kept=True)], lambda _: None)
    assert (row.problems, row.got) == ([], f"all of it, by {MODEL}")
    before, line = log_lines(tmp_path / "malformed-event-stream" / "log")
    assert (before["malformed_events"], line["malformed_events"]) == (0, 1)


def row(**changes: Any) -> Row:
    """Return a line."""
    whole = Row("silent", "it says nothing", "stream", "all of it", [], [0.012], [10.02], 10.3)
    return msgspec.structs.replace(whole, **changes)


def card(*rows: Row) -> Scorecard:
    """Return a scorecard."""
    return Scorecard("1.0", "3.57", "2026-11-30", MACHINE, ["It was busy."], 91.2, [*rows])


def test_the_scorecard_is_printed_with_what_failed() -> None:
    console = Console(width=140, record=True, file=None, quiet=False)
    failed = row(scenario="refused", problems=["it got [nothing]"], seen=False)
    with console.capture() as captured:
        Show(console, console).table(card(row(), failed))
    text = captured.get()
    assert "refused (stream): it got [nothing]" in text
    assert "1 of 2 passed, 1 failed, in 91 s" in text
    assert "0.01" in text
    assert "10.02" in text


def test_progress_is_told_in_lines_where_there_is_no_terminal() -> None:
    console = Console(width=140)
    with console.capture() as captured, Show(console, console) as show:
        show.tell(row())
        show.tell(row(problems=["no"]))
    assert captured.get().splitlines() == [
        "passed silent (stream) 10.3 s: all of it",
        "failed silent (stream) 10.3 s: all of it",
    ]


def test_times_are_told_one_by_one_or_from_first_to_last() -> None:
    assert times([0.1, 1.25]) == "0.10  1.25"
    assert times([]) == "\N{EN DASH}"
    assert times([0.1] * 6 + [2.0]) == "7 attempts, 0.10\N{EN DASH}2.00"
    assert times([], seen=False) == "refused"
    assert total(card(row())) == "1 of 1 passed, in 91 s"


def test_the_page_tells_of_every_line_and_of_what_failed(tmp_path: Path) -> None:
    page = write(card(row(), row(scenario="stalled", problems=["a|b"])), tmp_path)
    text = page.read_text(encoding="utf-8")
    assert page.name == "failover.md"
    assert "| `silent` | it says nothing | stream | passed | all of it | 0.01 | 10.02 |" in text
    assert "- `stalled`, stream: a/b" in text
    assert "- It was busy." in text
    assert 'resume = "verified"' in text
    assert "### What failed" not in render(card(row()))


RUNS: list[tuple[list[str], str]] = [
    (["--only", "nothing"], "Invalid value"),
    (["--against", "http://127.0.0.1:1/v1"], "go together"),
    (["--primary-port", "9101"], "go together"),
    (["--write", "--only", "silent"], "--write is for a whole run"),
]


@pytest.mark.parametrize(("words", "said"), RUNS)
def test_what_does_not_go_together_is_refused(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert said in result.output


def test_the_help_names_every_scenario_and_what_another_gateway_needs() -> None:
    said = "".join(CliRunner().invoke(main, ["--help"]).output.split())
    for words in (*NAMED, "--against", "FAILOVER_API_KEY", "docs/failover.md", "exitcode"):
        assert words in said


def test_the_command_prints_keeps_and_says_by_its_exit_code(tmp_path: Path) -> None:
    file, kept = tmp_path / "card.json", tmp_path / "kept"
    words = ["--only", "no-done", "--json", str(file), "--keep", str(kept)]
    result = CliRunner().invoke(main, words)
    found = msgspec.json.decode(file.read_bytes(), type=Scorecard)
    assert [each.scenario for each in found.rows] == ["no-done"]
    assert result.exit_code == (0 if found.passed else 1)
    config = (kept / "no-done-stream" / "gateway.toml").read_text()
    assert f'"{MODEL}" = "{FALLBACK}"' in config
    assert CONTEXT_FALLBACK in config


def test_a_port_that_is_taken_is_told_in_a_sentence() -> None:
    taken = Upstream("primary")
    words = ["--against", "http://127.0.0.1:1/v1", "--primary-port", str(taken.port)]
    result = CliRunner().invoke(main, [*words, "--secondary-port", str(taken.port)])
    taken.close()
    assert result.exit_code == 1
    assert "cannot be had" in result.output
