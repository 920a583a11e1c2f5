"""The log tells what happens, masks secrets, and never makes a call wait."""

import os
import pty
from collections.abc import Iterator

import pytest

from gateway.policy.scrub import Scrubber
from gateway.telemetry.log import MAX_BLOCK, MAX_FIELD, MAX_TRACE, Log, open_log, plain, trace
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret
from tests.telemetry.sinks import Pipe

KEY = "sk-live-0123456789abcdef"
JSON = LogOptions(log_format="json")
MOMENT = 1_790_000_000_123_456_789


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def log(pipe: Pipe) -> Iterator[Log]:
    with open_log(JSON, pipe.stream, now_ns=lambda: MOMENT) as log:
        yield log


def bug() -> BaseException:
    """Raise and catch, so that there is a traceback."""
    innermost = KEY
    try:
        raise RuntimeError(f"broken at {len(innermost)}")
    except RuntimeError as error:
        return error


def test_a_line_says_when_how_loud_what_and_with_which_fields(log: Log, pipe: Pipe) -> None:
    log.info("listening", address="127.0.0.1:4000", models=3, tls=False, ca=None)
    assert pipe.lines(1) == [
        (
            '{"timestamp":"2026-09-21T14:13:20.123Z","level":"info","event":"listening",'
            '"address":"127.0.0.1:4000","models":3,"tls":false,"ca":null}'
        )
    ]


def test_a_line_below_the_level_is_not_written(pipe: Pipe) -> None:
    with open_log(JSON, pipe.stream, "warning") as log:
        log.debug("a")
        log.info("b")
        log.warning("c")
        log.error("d")
        assert [log.wants(level) for level in ("debug", "info", "warning", "error")] == [
            False, False, True, True,
        ]  # fmt: skip
    assert [event["event"] for event in pipe.events(2)] == ["c", "d"]
    assert not pipe.waiting()


def test_leaving_the_log_writes_what_waits(pipe: Pipe) -> None:
    """G14."""
    with open_log(JSON, pipe.stream) as log:
        for number in range(300):
            log.info("tick", number=number)
    assert [event["number"] for event in pipe.events(300)] == list(range(300))
    assert log.lost == 0


def test_a_terminal_gets_text_and_everything_else_json(pipe: Pipe) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        with open_log(LogOptions(), terminal, now_ns=lambda: MOMENT) as log:
            log.warning("two words", empty="", path="a b")
        text = os.read(ours, 4096).decode()
    os.close(ours)
    assert "\x1b[33mwarning" in text
    assert 'path\x1b[0m=\x1b[35m"a b"' in text
    with open_log(LogOptions(), pipe.stream) as log:
        log.info("to a file")
    assert pipe.events(1)[0]["event"] == "to a file"


def test_colours_can_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        with open_log(LogOptions(), terminal, now_ns=lambda: MOMENT) as log:
            log.info("plain", key="value")
        assert os.read(ours, 4096) == b"2026-09-21T14:13:20.123Z info    plain key=value\r\n"
    os.close(ours)


def test_a_secret_shows_its_mask(log: Log, pipe: Pipe) -> None:
    log.info("provider", key=Secret(KEY), keys=[Secret(KEY)])
    (line,) = pipe.lines(1)
    assert KEY not in line
    assert '"key":"***cdef"' in line


def test_a_secret_that_others_wrote_is_masked_too(log: Log, pipe: Pipe) -> None:
    log.know(Scrubber([Secret(KEY)]))
    log.info("refused", reason=f"Incorrect API key provided: {KEY}.")
    log.exception("bug", RuntimeError(f"with {KEY}"))
    lines = pipe.lines(2)
    assert KEY not in "".join(lines)
    assert "Incorrect API key provided: ***." in "".join(lines)


def test_a_bug_is_told_before_the_call_returns(log: Log, pipe: Pipe) -> None:
    log.exception("request failed", bug(), request_id="req-1")
    assert pipe.waiting()
    (event,) = pipe.events(1)
    assert event["level"] == "error"
    assert event["request_id"] == "req-1"
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert event["exception"].endswith("RuntimeError: broken at 24")


def test_a_bug_is_told_without_the_values_of_variables(log: Log, pipe: Pipe) -> None:
    log.exception("request failed", bug())
    assert KEY not in pipe.lines(1)[0]


def test_a_bug_reads_well_on_a_terminal_and_cannot_move_its_cursor(pipe: Pipe) -> None:
    with open_log(LogOptions(log_format="text"), pipe.stream, now_ns=lambda: MOMENT) as log:
        log.exception("request failed", ValueError("\x1b[2J"), request_id="req-1")
    assert pipe.rest() == [
        "2026-09-21T14:13:20.123Z error   request failed request_id=req-1",
        "ValueError: \\x1b[2J",
    ]


def test_a_long_traceback_keeps_its_beginning_and_its_end() -> None:
    told = trace(ValueError("x" * 3 * MAX_TRACE + "the end"))
    assert len(told) < MAX_TRACE + 100
    assert told.startswith("ValueError: xxx")
    assert told.endswith("xxxthe end")
    assert "characters left out" in told


def test_a_group_of_errors_is_told_whole() -> None:
    told = trace(ExceptionGroup("in the nursery", [ValueError("one"), KeyError("two")]))
    assert "one" in told
    assert "two" in told


class Mute:
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (0.5, 0.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("text", "text"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (["a", 1], "['a', 1]"),
        (ValueError("why"), "why"),
        (Mute(), "Mute without a text: ValueError"),
        ("x" * (MAX_FIELD + 1), "x" * MAX_FIELD + "…"),
    ],
)
def test_only_plain_and_bounded_values_wait_in_the_queue(given: object, kept: object) -> None:
    assert plain(given) == kept
    assert type(plain(given)) is type(kept)


def test_text_that_is_no_text_is_written_all_the_same(log: Log, pipe: Pipe) -> None:
    log.info("odd", name="\udcff", control="\x1b[2J\r\n")
    (line,) = pipe.lines(1)
    assert line.isascii()
    assert line.isprintable()


def test_the_log_keeps_its_own_descriptor(pipe: Pipe) -> None:
    with open_log(JSON, pipe.stream) as log:
        pipe.stream.close()
        log.info("still there")
        assert pipe.events(1)[0]["event"] == "still there"


def test_a_block_is_a_field_of_many_lines_and_bounded(log: Log, pipe: Pipe) -> None:
    log.block("info", "open now", "tree", "worker 1\n└─ a", worker=1)
    log.block("error", "it stands", "stacks", "x" * (MAX_BLOCK + 1))
    log.block("debug", "not heard", "tree", "a")
    first, second = pipe.events(2)
    assert (first["event"], first["worker"], first["tree"]) == ("open now", 1, "worker 1\n└─ a")
    assert (second["level"], second["stacks"]) == ("error", "x" * MAX_BLOCK + "…")
