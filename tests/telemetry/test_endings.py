"""The calls that ended last: what became of each, and how long a cancel took."""

import pytest

from gateway.telemetry.endings import MOST_ENDED, Endings, SeenEnded, cancel_ms, tokens_of
from gateway.words.answer import MOST_TOKENS, Usage
from gateway.words.caller import Caller
from gateway.words.errors import UpstreamTruncated
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Phase, Receipt


def receipt(name: str = "req_1", *attempts: Attempt) -> Receipt:
    return Receipt(name, "POST", "/v1/chat/completions?x=1", "127.0.0.1", 10.0,
                   attempts=list(attempts))  # fmt: skip


def cut(name: str = "req_1", cause: Cause = Cause.CLIENT_GONE, *attempts: Attempt) -> Receipt:
    """Return the receipt of a call that was cut after two seconds."""
    ended = receipt(name, *attempts)
    ended.cut_at, ended.ended = 12.0, 12.001
    ended.end(cause)
    return ended


def whole(name: str = "req_1") -> Receipt:
    ended = receipt(name)
    ended.ended = 11.0
    ended.complete()
    return ended


def numbers(told: list[SeenEnded]) -> list[int]:
    return [each.number for each in told]


def test_a_call_that_was_cut_is_told_with_its_reason_and_what_its_cancel_took() -> None:
    ended = cut("req_7", Cause.OPERATOR, Attempt("up/m-1", 10.1, 12.0004, pieces=5))
    ended.model, ended.target, ended.phase = "m", "up/m-1", Phase.STREAMING
    ended.caller = Caller("ann", "k1")
    endings = Endings()
    endings.settled(ended)
    assert endings.last(15.001) == [
        SeenEnded(
            number=1, id="req_7", method="POST", path="/v1/chat/completions", model="m",
            target="up/m-1", key="ann", outcome="stopped", phase="streaming", cause="operator",
            ago=3.0, duration=2.001, tokens=5, cut=True, cancel_ms=0.4,
        )
    ]  # fmt: skip


def test_what_was_cut_is_not_pushed_out_by_what_ended_well() -> None:
    endings = Endings()
    endings.settled(cut())
    for _ in range(3 * MOST_ENDED):
        endings.settled(whole())
    told = endings.last(20.0)
    assert numbers(told) == [1, *range(2 * MOST_ENDED + 2, 3 * MOST_ENDED + 2)]
    assert [each.cut for each in told] == [True] + [False] * MOST_ENDED


def test_what_is_remembered_has_an_end() -> None:
    endings = Endings()
    for _ in range(MOST_ENDED + 5):
        endings.settled(cut())
    assert numbers(endings.last(20.0)) == list(range(6, MOST_ENDED + 6))


def test_probes_are_not_remembered() -> None:
    endings = Endings()
    probe = whole()
    probe.endpoint = "healthz"
    endings.settled(probe)
    assert endings.last(20.0) == []


def test_a_client_that_leaves_after_the_last_byte_has_cut_nothing() -> None:
    left = whole()
    left.cut_at = 11.0
    endings = Endings()
    endings.settled(left)
    ((told),) = endings.last(20.0)
    assert (told.outcome, told.cut) == ("completed", False)


def test_a_call_that_nobody_settled_is_a_bug_of_ours() -> None:
    endings = Endings()
    endings.settled(receipt())
    (told,) = endings.last(12.0)
    assert (told.outcome, told.duration, told.ago) == ("internal", 2.0, 0.0)


def test_r20_what_others_chose_is_safe_to_show_and_bounded() -> None:
    """R20."""
    hostile = whole()
    hostile.model, hostile.path = "m\u202e\x1b[2J", "/" + "x" * 5000
    endings = Endings()
    endings.settled(hostile)
    (told,) = endings.last(20.0)
    assert told.model == "m\\u202e\\x1b[2J"
    assert len(told.path) < 300


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ((), None),
        ((Attempt("a", 10.0, 11.0),), None),
        ((Attempt("a", 10.0),), None),
        ((Attempt("a", 10.0, 11.0), Attempt("b", 11.0, 12.002)), 2.0),
        ((Attempt("a", 10.0, 12.001), Attempt("b", 10.5, 12.0035)), 3.5),
    ],
)
def test_a_cancel_takes_until_the_last_provider_was_let_go(
    attempts: tuple[Attempt, ...], expected: float | None
) -> None:
    assert cancel_ms(cut("req_1", Cause.CLIENT_GONE, *attempts)) == expected


def test_what_ended_by_itself_has_no_cancel() -> None:
    broken = receipt("req_1", Attempt("a", 10.0, 11.0))
    broken.fail(UpstreamTruncated("Gone."))
    assert cancel_ms(broken) is None


def test_tokens_are_those_that_were_counted_and_the_pieces_since() -> None:
    told = Usage(3, 20)
    for attempts, tokens in (
        ([Attempt("a", 0.0, pieces=7)], 7),
        ([Attempt("a", 0.0, pieces=7, counted=7, usage=told)], 20),
        ([Attempt("a", 0.0, pieces=9, counted=7, usage=told)], 22),
        ([Attempt("a", 0.0, pieces=4, outcome="lost"), Attempt("b", 0.0, pieces=2)], 2),
        ([Attempt("a", 0.0, pieces=4, outcome="x"), Attempt("b", 0.0, pieces=2)], 6),
    ):
        assert tokens_of(receipt("req_1", *attempts)) == tokens
    shared = receipt()
    shared.pieces = 3
    assert tokens_of(shared) == 3
    shared.usage = told
    assert tokens_of(shared) == 20


def test_absurd_usage_leaves_tokens_that_can_be_told() -> None:
    absurd = Usage(0, 10**400)
    alone = receipt()
    alone.usage = absurd
    assert tokens_of(alone) == MOST_TOKENS
    assert tokens_of(receipt("req_1", Attempt("a", 0.0, usage=absurd))) == MOST_TOKENS
