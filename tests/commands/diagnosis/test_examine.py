"""All checks at once: each has its time, and none takes the others along."""

import threading
from collections.abc import Sequence

import trio
from trio.testing import MockClock

from gateway.commands.diagnosis.examine import LONGEST, Check, examine, in_thread
from gateway.commands.diagnosis.verdict import Examined, Level, Verdict, ok


class Noted:
    """A watch that keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def begins(self, subjects: Sequence[str]) -> None:
        self.shown += [f"begins {subject}" for subject in subjects]

    def found(self, examined: Examined) -> None:
        self.shown.append(f"found {examined.subject}")


def after(seconds: float, *verdicts: Verdict, subject: str = "slow") -> Check:
    async def ask() -> Sequence[Verdict]:
        await trio.sleep(seconds)
        return verdicts

    return Check(subject, ask, 4.0)


def plain(text: str) -> str:
    return text.replace("sk-secret", "***")


async def test_checks_run_at_once_and_are_told_in_their_order(autojump_clock: MockClock) -> None:
    watch = Noted()
    checks = [after(3, ok("a", "1"), subject="late"), after(1, ok("a", "2"), subject="early")]
    began = trio.current_time()
    found = await examine(checks, watch, plain)
    assert trio.current_time() - began == 3
    assert [(each.subject, each.seconds) for each in found] == [("late", 3.0), ("early", 1.0)]
    assert watch.shown == ["begins late", "begins early", "found early", "found late"]


async def test_what_hangs_fails_in_its_time_and_the_others_are_told(
    autojump_clock: MockClock,
) -> None:
    began = trio.current_time()
    found = await examine([after(1e6), after(1, ok("a", "well"))], Noted(), plain)
    assert trio.current_time() - began == 4
    (hung,) = found[0].verdicts
    assert (hung.level, hung.seen) == (
        Level.FAIL,
        "nothing was found out within 4 seconds",
    )
    assert found[1].verdicts == (ok("a", "well"),)


async def test_a_bug_is_told_by_its_kind_and_place_without_its_words() -> None:
    async def buggy() -> Sequence[Verdict]:
        await trio.lowlevel.checkpoint()
        async with trio.open_nursery():
            raise KeyError("sk-secret of a customer")

    found = await examine([Check("buggy", buggy, 4.0), after(0, ok("a", "b"))], Noted(), plain)
    (told,) = found[0].verdicts
    assert told.level is Level.FAIL
    assert told.seen.startswith("the check itself failed: KeyError in buggy:")
    assert "customer" not in told.seen + told.remedy
    assert found[1].verdicts[0].level is Level.OK


async def test_nothing_told_holds_a_secret_a_control_character_or_no_end() -> None:
    hostile = Verdict("\x1b[2J", Level.WARN, "sk-secret \u202e" + "x" * 5000, "a\nb")
    (found,) = await examine([after(0, hostile, subject="p\rq")], Noted(), plain)
    (verdict,) = found.verdicts
    for text in (found.subject, verdict.check, verdict.seen, verdict.remedy):
        assert text.isprintable()
        assert len(text) <= LONGEST
        assert "sk-secret" not in text
    assert verdict.seen.startswith("*** \\u202exxx")


async def test_what_blocks_has_a_thread_and_is_left_in_it() -> None:
    go_on = threading.Event()

    def block() -> Sequence[Verdict]:
        go_on.wait(5)
        return [ok("a", "b")]

    limiter = trio.CapacityLimiter(1)
    (found,) = await examine([Check("disk", in_thread(block, limiter), 0.01)], Noted(), plain)
    assert found.verdicts[0].level is Level.FAIL
    assert limiter.borrowed_tokens == 1
    go_on.set()
    while limiter.borrowed_tokens:
        await trio.sleep(0.001)
    (found,) = await examine([Check("disk", in_thread(block, limiter), 4)], Noted(), plain)
    assert found.verdicts == (ok("a", "b"),)
