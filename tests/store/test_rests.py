"""Rests in common: told without waiting, in bounds, and learned from nobody but our own kind."""

from collections.abc import Callable

import msgspec
import pytest
import trio
import trio.testing

from gateway.store.line import Command, Refused
from gateway.store.rests import CHANNEL, INDEX, KEYS, LONGEST_REST, NEWS, Rests, _number
from tests.store.fakes import FakeLine

ME, OTHER = b"me", b"other"
Learned = list[tuple[str, int | None, float]]


def rests_of(most: int = 8) -> tuple[Rests, Learned]:
    learned: Learned = []
    return Rests(ME, lambda *said: learned.append(said), most), learned


def word(
    name: object = "openai/gpt", number: object = None, ms: object = 5000, who: object = OTHER
) -> bytes:
    return msgspec.msgpack.encode([who, name, number, ms])


async def test_a_rest_becomes_a_key_that_expires_and_a_message(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, _ = rests_of()
    rests.tell("openai/gpt", 2, 15.0)
    await trio.sleep(5)
    line = FakeLine()
    nursery.start_soon(rests.send, line)
    await trio.sleep(0.01)
    number = _number("openai/gpt", 2)
    said = word(number=2, ms=10_000, who=ME)
    assert line.asked == [
        (b"SET", KEYS + number, said, b"PX", 10_000),
        (b"SADD", INDEX, number),
        (b"PEXPIRE", INDEX, 7_200_000),
        (b"PUBLISH", CHANNEL, said),
    ]


async def test_a_home_that_is_up_again_is_told_as_such(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, _ = rests_of()
    line = FakeLine()
    nursery.start_soon(rests.send, line)
    rests.tell("openai/gpt", None, 15.0)
    rests.tell("openai/gpt", None, 0.0)
    await trio.sleep(0.01)
    number = _number("openai/gpt", None)
    assert line.asked == [
        (b"DEL", KEYS + number),
        (b"SREM", INDEX, number),
        (b"PUBLISH", CHANNEL, word(ms=0, who=ME)),
    ]


async def test_what_is_over_is_not_told(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, _ = rests_of()
    rests.tell("a", None, 15.0)
    rests.tell("b", None, 0.0)
    rests.tell("c", None, 100.0)
    await trio.sleep(max(15.0, NEWS))
    line = FakeLine()
    nursery.start_soon(rests.send, line)
    await trio.sleep(0.01)
    assert [command[1] for command in line.named(b"SET")] == [KEYS + _number("c", None)]
    assert line.named(b"DEL") == []


async def test_of_too_many_the_oldest_is_dropped_and_counted(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, _ = rests_of(most=4)
    for number in range(10):
        rests.tell(f"home {number}", None, 15.0)
    assert rests.dropped == 6
    line = FakeLine()
    nursery.start_soon(rests.send, line)
    await trio.sleep(0.01)
    last = [KEYS + _number(f"home {number}", None) for number in range(6, 10)]
    assert [command[1] for command in line.named(b"SET")] == last


async def test_a_name_that_is_too_long_is_not_told(autojump_clock: trio.testing.MockClock) -> None:
    rests, _ = rests_of()
    rests.tell("", None, 15.0)
    rests.tell("ä" * 300, None, 15.0)
    assert rests.dropped == 2


async def test_a_long_rest_is_told_as_the_longest(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, _ = rests_of()
    line = FakeLine()
    rests.tell("a", 1, 1e9)
    nursery.start_soon(rests.send, line)
    await trio.sleep(0.01)
    assert line.named(b"SET")[0][-1] == int(LONGEST_REST * 1000)


async def test_what_a_lost_line_did_not_take_is_told_on_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    rests, _ = rests_of()
    first, second = FakeLine(), FakeLine()
    first.held = True
    rests.tell("a", None, 15.0)
    with trio.move_on_after(0.5):
        await rests.send(first)
    with trio.move_on_after(0.5):
        await rests.send(second)
    assert len(second.named(b"SET")) == 1


async def test_what_is_told_while_the_last_word_is_on_its_way_is_told_too(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, _ = rests_of()
    line = FakeLine()
    nursery.start_soon(rests.send, line)
    rests.tell("a", None, 15.0)
    while not line.asked:
        await trio.lowlevel.checkpoint()
    rests.tell("a", None, 0.0)
    await trio.sleep(0.01)
    assert [command[0] for command in line.asked if command[0] in {b"SET", b"DEL"}] == [
        b"SET", b"DEL",
    ]  # fmt: skip


async def test_a_rest_that_the_store_refuses_is_counted(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, _ = rests_of()
    nursery.start_soon(rests.send, FakeLine(lambda _: Refused("READONLY")))
    rests.tell("a", None, 15.0)
    await trio.sleep(0.01)
    assert rests.dropped == 1


async def heard(line: FakeLine, nursery: trio.Nursery, rests: Rests) -> Callable[[bytes], None]:
    nursery.start_soon(rests.listen, line)
    await trio.sleep(0.01)
    assert line.take is not None
    return line.take


async def test_what_others_tell_is_learned(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, learned = rests_of()
    take = await heard(FakeLine(lambda _: []), nursery, rests)
    for said in (word(), word(number=3, ms=1), word(ms=0), word(who=ME)):
        take(said)
    assert learned == [
        ("openai/gpt", None, 5.0), ("openai/gpt", 3, 0.001), ("openai/gpt", None, 0.0),
    ]  # fmt: skip
    assert rests.foreign == 0


@pytest.mark.parametrize(
    "said",
    [
        b"", b"hello", b"\xc1", word()[:-1], word() + b"\0", word() * 500,
        word(name=""), word(name=7), word(name="x" * 513), word(name=b"\xff"),
        word(number=-1), word(number=65_536), word(number=True), word(number="1"),
        word(ms=-1), word(ms=3_600_001), word(ms=1.5), word(ms=2**63), word(ms=None),
        word(who="other"), word(who=b"w" * 33),
        msgspec.msgpack.encode([OTHER, "a", None]),
        msgspec.msgpack.encode([OTHER, "a", None, 1, 1]),
        msgspec.msgpack.encode({"name": "a"}),
        b"\x94\xc4\x02me\xa1\xff\xc0\x01",
    ],
)  # fmt: skip
async def test_a_hostile_message_is_counted_and_not_learned(
    said: bytes, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, learned = rests_of()
    take = await heard(FakeLine(lambda _: []), nursery, rests)
    take(said)
    assert (learned, rests.foreign) == ([], 1)


def store_of(index: object, values: dict[bytes, tuple[object, object]]) -> FakeLine:
    """Return a line to a store with an index, and keys with a value and their time to live."""

    def reply(command: Command) -> object:
        if command[0] == b"SRANDMEMBER":
            return index
        if command[0] == b"SREM":
            return 1
        value, left = values.get(bytes(command[1])[len(KEYS) :], (b"", -2))
        return left if command[0] == b"PTTL" else value

    return FakeLine(reply)


async def test_whoever_connects_learns_what_rests_and_for_how_long(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    mine, theirs, gone = (_number(name, None) for name in ("mine", "theirs", "gone"))
    line = store_of(
        [mine, theirs, gone],
        {mine: (word("mine", who=ME), 900), theirs: (word("theirs", ms=60_000), 1500)},
    )
    rests, learned = rests_of()
    await heard(line, nursery, rests)
    assert learned == [("theirs", None, 1.5)]
    assert line.named(b"SREM") == [(b"SREM", INDEX, gone)]
    assert rests.foreign == 0


async def test_what_is_read_on_connecting_is_bounded(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    index = [_number(str(number), None) for number in range(150)]
    line = store_of(index, {number: (word(str(n)), 5000) for n, number in enumerate(index)})
    rests, learned = rests_of(most=1000)
    await heard(line, nursery, rests)
    assert len(learned) == 150
    assert line.asked[0] == (b"SRANDMEMBER", INDEX, 1000)
    assert {command[2:] for command in line.named(b"GETRANGE")} == {(0, 1024)}


NUMBER = _number("openai/gpt", None)


@pytest.mark.parametrize(
    ("index", "values"),
    [
        (Refused("WRONGTYPE"), {}),
        (None, {}),
        ([b"../../etc"], {}),
        ([7], {}),
        ([NUMBER], {NUMBER: (word("somebody else"), 5000)}),
        ([NUMBER], {NUMBER: (word(), -1)}),
        ([NUMBER], {NUMBER: (word(), 3_600_001)}),
        ([NUMBER], {NUMBER: (word(), Refused("no"))}),
        ([NUMBER], {NUMBER: (Refused("WRONGTYPE"), 5000)}),
        ([NUMBER], {NUMBER: (b"x" * 1025, 5000)}),
    ],
)
async def test_a_hostile_store_teaches_nothing(
    index: object,
    values: dict[bytes, tuple[object, object]],
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
) -> None:
    rests, learned = rests_of()
    await heard(store_of(index, values), nursery, rests)
    assert (learned, rests.foreign) == ([], 1)


async def test_a_rest_that_ends_while_it_is_read_is_no_fault(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    rests, learned = rests_of()
    await heard(store_of([NUMBER], {NUMBER: (word(), -2)}), nursery, rests)
    assert (learned, rests.foreign) == ([], 0)
