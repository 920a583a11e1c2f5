"""Lives and the registry of open calls."""

import pytest
import trio
import trio.testing

from gateway.downstream.calls import Calls, OpenCall
from gateway.words.errors import Busy
from gateway.words.life import Cause
from gateway.words.receipt import Receipt


def open_call() -> OpenCall:
    receipt = Receipt(request_id="id", method="POST", path="/", peer="peer", began=0.0)
    call = OpenCall(receipt)
    call.link = trio.CancelScope()
    return call


async def test_the_first_cause_stands() -> None:
    call = open_call()
    call.stop(Cause.TOTAL_TIMEOUT)
    call.stop(Cause.DRAIN)
    call.cut(Cause.CLIENT_GONE)
    assert call.cause is Cause.TOTAL_TIMEOUT
    assert call.link.cancel_called


async def test_stopping_ends_the_work_and_leaves_the_link() -> None:
    call = open_call()
    with call.link:
        with call.work:
            call.stop(Cause.DRAIN)
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
    assert not call.link.cancelled_caught


async def test_the_moment_at_which_a_life_was_first_ended_is_noted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for end in (OpenCall.cut, OpenCall.stop):
        call = open_call()
        assert call.receipt.cut_at is None
        await trio.sleep(2)
        ended = trio.current_time()
        end(call, Cause.OPERATOR)
        await trio.sleep(3)
        call.stop(Cause.DRAIN)
        call.cut(Cause.CLIENT_GONE)
        assert call.receipt.cut_at == ended


async def test_who_was_refused_and_leaves_has_cut_nothing() -> None:
    for settle in (lambda receipt: receipt.fail(Busy("No.")), Receipt.complete):
        call = open_call()
        settle(call.receipt)
        call.cut(Cause.CLIENT_GONE)
        assert call.receipt.cut_at is None
        assert call.link.cancel_called


async def test_cutting_ends_both() -> None:
    call = open_call()
    with call.link:
        with call.work:
            call.cut(Cause.CLIENT_GONE)
            await trio.sleep_forever()
        raise AssertionError("the link went on")
    assert call.cause is Cause.CLIENT_GONE


async def test_u12_work_that_ended_without_a_cause_ended_by_the_total_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """U12."""
    call = open_call()
    with call.link, call.work:
        call.expire_at(trio.current_time() + 5)
        await trio.sleep_forever()
    call.note_expiry()
    assert call.cause is Cause.TOTAL_TIMEOUT


async def test_a_cause_that_was_given_stands_before_the_total_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    call = open_call()
    with call.link, call.work:
        call.expire_at(trio.current_time() + 5)
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
            call.cut(Cause.CLIENT_GONE)
        await trio.sleep_forever()
    call.note_expiry()
    assert call.cause is Cause.CLIENT_GONE


async def test_the_registry_counts_and_tells_when_it_is_empty(
    autojump_clock: trio.testing.MockClock,
) -> None:
    calls = Calls(1)
    await calls.ended()
    first, second = open_call(), open_call()
    calls.add(first)
    assert not calls.full
    calls.add(second)
    assert calls.full
    async with trio.open_nursery() as nursery:
        nursery.start_soon(calls.ended)
        await trio.testing.wait_all_tasks_blocked()
        calls.remove(first)
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        calls.remove(second)
        await trio.testing.wait_all_tasks_blocked()
        assert not nursery.child_tasks
    assert len(calls) == 0


async def test_all_calls_are_stopped_or_cut() -> None:
    calls = Calls(10)
    lives = [open_call(), open_call()]
    for life in lives:
        calls.add(life)
    calls.stop_all()
    assert all(life.work.cancel_called and not life.link.cancel_called for life in lives)
    calls.cut_all()
    assert all(life.link.cancel_called and life.cause is Cause.DRAIN for life in lives)


def test_g9_the_bodies_of_all_calls_have_one_bound_and_leave_with_their_calls() -> None:
    """G9."""
    calls = Calls(10, most_body_bytes=100)
    first, second = open_call(), open_call()
    for call, size in ((first, 30), (first, 30), (second, 40)):
        calls.add(call)
        calls.hold(call, size)
    assert calls.body_bytes == 100
    with pytest.raises(Busy) as caught:
        calls.hold(second, 1)
    assert caught.value.headers == ((b"retry-after", b"1"),)
    with pytest.raises(Busy):
        calls.hold(second, 0, expected=1)
    calls.hold(second, 0)
    for _ in range(2):
        calls.remove(first)
        assert calls.body_bytes == 40
    calls.hold(second, 10, expected=60)
    assert calls.body_bytes == 50
    calls.remove(second)
    assert calls.body_bytes == 0


def test_what_stays_between_calls_may_take_half_of_the_room() -> None:
    """G9."""
    calls, call = Calls(10, 100), open_call()
    calls.add(call)
    calls.keep(0, 50)
    with pytest.raises(Busy):
        calls.keep(50, 51)
    calls.hold(call, 50)
    calls.keep(50, 20)
    calls.hold(call, 30)
    with pytest.raises(Busy):
        calls.keep(20, 21)
    calls.remove(call)
    calls.keep(20, 0)
    assert calls.body_bytes == 0


async def test_those_that_are_open_now_are_waited_for_and_no_others(nursery: trio.Nursery) -> None:
    calls, ended = Calls(10), trio.Event()
    await calls.turned_over()
    first, second, later = open_call(), open_call(), open_call()
    calls.add(first)
    calls.add(second)

    async def wait() -> None:
        await calls.turned_over()
        ended.set()

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    calls.add(later)
    calls.remove(first)
    await trio.testing.wait_all_tasks_blocked()
    assert not ended.is_set()
    calls.remove(second)
    await ended.wait()
    calls.remove(later)


async def test_whoever_waits_no_longer_holds_no_calls(nursery: trio.Nursery) -> None:
    calls = Calls(10)
    calls.add(open_call())
    nursery.start_soon(calls.turned_over)
    await trio.testing.wait_all_tasks_blocked()
    assert len(calls._outlived) == 1
    nursery.cancel_scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert calls._outlived == []
