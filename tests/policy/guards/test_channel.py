"""One text that arrives in parts, plain or as JSON within a text."""

from gateway.policy.guards.channel import Channel
from gateway.policy.guards.personal import KINDS
from gateway.policy.guards.scan import PART
from tests.policy.guards.cutting import guard

MASKS = [guard(KINDS["email"])]


def channel(*, json: bool = False) -> Channel:
    return Channel(MASKS, lambda each: None, json=json)


def test_a_long_part_is_looked_at_in_turns() -> None:
    one = channel()
    assert len(list(one.feed("x " * PART))) == 1
    assert (one.length, one.settled) == (2 * PART, 2 * PART)


def test_what_is_taken_is_forgotten_and_what_follows_is_not() -> None:
    one = channel()
    told = []
    for part in ("to a@b.de ", "and c@", "d.de ", "x"):
        list(one.feed(part))
        if one.settled == one.length:
            told.append(one.take(part) if part != "d.de " else one.take("and c@") + one.take(part))
    assert told == ["to [0] ", "and [0] "]
    one.close()
    assert (one.take("x"), one.settled) == ("x", one.length)


def test_a_long_text_is_not_remembered() -> None:
    for one in (channel(), channel(json=True)):
        for _ in range(20):
            list(one.feed('"a@b.de" '))
            one.take('"a@b.de" ')
        assert len(one._scanner.edits) <= 1
        assert one._json is None or len(one._json._places) < len('"a@b.de" ')


def test_a_text_that_is_all_there_is_taken_as_it_is_looked_at() -> None:
    one = channel(json=True)
    said = '{"a":"' + "to \\u0061@b.de " * PART + '"}'
    assert len(list(one.whole(said))) == (len(said) - 1) // PART
    assert one.told == '{"a":"' + "to [0] " * PART + '"}'
    assert list(channel().whole("")) == []


def test_in_json_a_place_is_one_of_the_text() -> None:
    one = channel(json=True)
    list(one.feed('{"a":"\\u0061@b'))
    assert (one.length, one.settled) == (14, 6)
    list(one.feed('.de"}'))
    one.close()
    assert (one.take('{"a":"\\u0061@b'), one.take('.de"}')) == ('{"a":"[0]', '"}')


def test_a_text_that_ends_within_an_escape_is_settled_to_its_end() -> None:
    """Else the event that ends it would never leave."""
    one = channel(json=True)
    list(one.feed('{"a": "b\\u00'))
    assert one.settled < one.length
    one.close()
    assert one.settled == one.length
