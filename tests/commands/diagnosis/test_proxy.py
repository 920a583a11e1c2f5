"""A stream through a proxy, and clients that leave there, as they are judged."""

import pytest

from gateway.commands.diagnosis.proxy import (
    ACCEL,
    SPREAD,
    WORDS,
    Streamed,
    find_ended,
    judge_clocks,
    judge_connection,
    judge_leaving,
    judge_silence,
    judge_stream,
)
from gateway.commands.diagnosis.verdict import Level
from gateway.downstream.live import SeenCall, SeenConnection, SeenProcess
from gateway.relay.options import ClockOptions
from gateway.telemetry.endings import SeenEnded

EVEN = tuple(number * SPREAD / (WORDS - 1) for number in range(WORDS))
AT_ONCE = (9.0,) * WORDS
IN_LUMPS = tuple(round(each * 6) / 6 for each in EVEN)


@pytest.mark.parametrize(
    ("came", "level"), [(EVEN, Level.OK), (AT_ONCE, Level.FAIL), (IN_LUMPS, Level.WARN)]
)
def test_words_that_arrive_together_were_held_back(came: tuple[float, ...], level: Level) -> None:
    stream, accel = judge_stream(Streamed(200, {}, came))
    assert (stream.check, stream.level) == ("stream", level)
    assert ("held back" in stream.seen) is (level is not Level.OK)
    assert accel.level is (Level.OK if level is Level.OK else Level.WARN)


def test_an_answer_without_our_words_is_no_stream_of_echo() -> None:
    for streamed in (Streamed(404, {}, ()), Streamed(200, {}, EVEN[:3])):
        (only,) = judge_stream(streamed)
        assert only.level is Level.FAIL


def test_what_header_fields_say_of_the_way_is_told() -> None:
    fields = {ACCEL: "no", "content-encoding": "gzip"}
    _, accel, compressed = judge_stream(Streamed(200, fields, EVEN))
    assert (accel.level, "passes through" in accel.seen) == (Level.OK, True)
    assert (compressed.level, "gzip" in compressed.seen) == (Level.WARN, True)


def worker(age: float | None, call_age: float = 0.1) -> SeenProcess:
    ours = SeenConnection("127.0.0.1", age, SeenCall(id="req_1", age=call_age))
    idle = SeenConnection("127.0.0.1", 5.0)
    return SeenProcess(worker=2, supervisor=70, connections=[idle, ours])


def test_a_connection_that_is_older_than_its_call_was_kept() -> None:
    arrives, kept = judge_connection([worker(3.0)], "req_1")
    assert arrives.seen == "at worker 2 of gateway 70"
    assert (kept.check, kept.level) == ("keep-alive", Level.OK)
    _, fresh = judge_connection([worker(0.101)], "req_1")
    assert (fresh.level, "HTTP/1.0" in fresh.seen) == (Level.WARN, True)
    assert len(judge_connection([worker(None)], "req_1")) == 1


def test_a_call_that_is_seen_nowhere_is_another_gateways() -> None:
    (only,) = judge_connection([worker(3.0)], "req_2")
    assert (only.level, "--admin" in only.remedy) == (Level.SKIPPED, True)
    assert judge_leaving("leaving", None, 0.0).level is Level.SKIPPED


def test_a_leaving_that_arrives_is_told_from_one_that_does_not() -> None:
    gone = SeenEnded(id="a", outcome="client_gone", cause="client_gone")
    whole = SeenEnded(id="b", outcome="completed")
    workers = [SeenProcess(ended=[gone]), SeenProcess(ended=[whole])]
    assert find_ended(workers, "b") == whole
    assert find_ended(workers, "c") is None
    heard = judge_leaving("leaving", gone, 0.0021)
    assert (heard.level, heard.seen) == (Level.OK, "the gateway knew it 2 ms later")
    assert "0 ms" in judge_leaving("leaving", gone, -0.1).seen
    unheard = judge_leaving("leaving", whole, 1.0)
    assert (unheard.level, "proxy_ignore_client_abort" in unheard.remedy) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("keepalive", "head", "level"),
    [
        (15.0, 20.0, Level.OK),
        (0.0, 20.0, Level.WARN),
        (120.0, 20.0, Level.WARN),
        (15.0, 90.0, Level.WARN),
    ],
)
def test_a_stream_that_may_be_silent_for_long_is_warned_of(
    keepalive: float, head: float, level: Level
) -> None:
    clocks = ClockOptions(keepalive_interval=keepalive, head_after=head)
    assert judge_clocks(clocks).level is level


def test_a_silence_is_borne_or_cut() -> None:
    assert judge_silence(70, 200, 70.1).level is Level.OK
    assert judge_silence(70, 504, 60.0).seen == (
        "an answer that takes 70 s was cut after 60.0 s, with status 504"
    )
    assert judge_silence(70, 0, 60.0).seen == "an answer that takes 70 s was cut after 60.0 s"
