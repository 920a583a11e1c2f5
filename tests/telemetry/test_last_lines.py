"""What of a log can be seen from afar: trouble and own deeds, bounded and scrubbed."""

import sys
from collections.abc import Mapping
from threading import Thread

from gateway.policy.scrub import Scrubber
from gateway.telemetry.last_lines import MAX_SAID, MOST, MOST_REQUESTS, LastLine, LastLines
from gateway.telemetry.lines import Line, Plain
from gateway.words.secret import Secret

CANARY = "sk-canary-0123456789"
SCRUBBER = Scrubber([Secret(CANARY)])


def noted(*lines: Line) -> list[LastLine]:
    last = LastLines()
    for line in lines:
        last.note(line, SCRUBBER.scrub)
    return last.all()


def line(level: str = "warning", event: str = "no room", at: int = 0, **fields: Plain) -> Line:
    return Line(at * 1_000_000, level, event, fields)


def test_trouble_and_the_house_s_own_deeds_are_kept() -> None:
    kept = noted(
        line("info", "stopped", 1),
        line("debug", "probe", 2),
        line("info", "request", 3),
        line("warning", "request", 4, status=502),
        line("error", "bug in carry", 5, exception="Traceback"),
    )
    assert [(each.at_ms, each.level, each.event) for each in kept] == [
        (1, "info", "stopped"),
        (4, "warning", "request"),
        (5, "error", "bug in carry"),
    ]


def test_fields_are_told_in_words_without_those_that_say_nothing() -> None:
    (kept,) = noted(line(worker=1, reason="no such file", path=None))
    assert kept.said == "worker=1 reason=no such file"


def test_a_line_that_speaks_is_told_as_a_person_would() -> None:
    def speak(fields: Mapping[str, Plain]) -> str:
        return f"POST /v1/x {fields['status']} {CANARY}\x1b[2J"

    (kept,) = noted(Line(0, "warning", "request", {"status": 502}, speak))
    assert kept.said == "POST /v1/x 502 ***\\x1b[2J"


def test_r11_r20_secrets_are_masked_and_nothing_can_command_a_terminal() -> None:
    (kept,) = noted(line(event=f"\u202e{CANARY}", said=f"no: {CANARY}\n\x1b[31m"))
    assert kept.event == "\\u202e***"
    assert kept.said == "said=no: ***\\n\\x1b[31m"


def test_lines_are_few_and_short_and_tell_their_end() -> None:
    kept = noted(*(line(at=number, n=number) for number in range(3 * MOST)))
    assert [each.at_ms for each in kept] == list(range(2 * MOST, 3 * MOST))
    (long,) = noted(line(exception="a" * 10_000 + " ValueError: the end"))
    assert len(long.said) <= MAX_SAID
    assert long.said.startswith("exception=aaa")
    assert long.said.endswith("ValueError: the end")


def test_however_many_requests_fail_other_lines_keep_their_room() -> None:
    failed = [line("warning", "request", number, n=number) for number in range(1, 1000)]
    kept = noted(line("warning", "no room", 0), *failed)
    assert kept[0].event == "no room"
    assert len(kept) == MOST_REQUESTS + 1


def test_what_is_said_again_and_again_is_one_line() -> None:
    again = [line(event="models not listed", at=number, provider="up") for number in range(1, 9)]
    kept = noted(*again, line(event="no room", at=9), again[0])
    assert [(each.event, each.at_ms, each.times) for each in kept] == [
        ("models not listed", 1, 1),
        ("models not listed", 8, 8),
        ("no room", 9, 1),
    ]


def test_lines_of_two_threads_do_not_take_each_others_place() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            last = LastLines()
            same = [line()] * 50
            others = [line(event=str(number)) for number in range(50)]
            threads = [Thread(target=note_all, args=(last, each)) for each in (same, others)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sum(each.times for each in last.all()) == 100
    finally:
        sys.setswitchinterval(before)


def note_all(last: LastLines, lines: list[Line]) -> None:
    for each in lines:
        last.note(each, str)
