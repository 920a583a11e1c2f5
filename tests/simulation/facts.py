"""What can be read off a record: which answer is whose, which attempt a provider saw, what it said.

The gateway is not its own judge: nothing here is taken from the house.
"""

import json
from collections.abc import Iterable, Iterator
from math import inf

from gateway.words.receipt import Attempt, Receipt
from tests.simulation.answers import Reply
from tests.simulation.record import Asked, Guest, Record
from tests.simulation.routing import Place
from tests.simulation.scripts import Part
from tests.simulation.wishes import Wish
from tests.stage import DONE

KEEPALIVE = b": keepalive\n\n"
ERROR = b'data: {"error":'

KNOWN_BY = 32
"""Characters by which it is known that an answer begins anew."""

SLACK = 1e-6
"""Seconds by which sums of virtual times may differ."""


def end_of(receipt: Receipt) -> float:
    """Return when a call ended; never where it has not."""
    return inf if receipt.ended is None else receipt.ended


def over_at(attempt: Attempt) -> float:
    """Return when an attempt ended; never where it has not."""
    return inf if attempt.ended is None else attempt.ended


def answers(record: Record) -> Iterator[tuple[Wish, Reply]]:
    """Yield every answer with what it answers: as it was written, and as it was read."""
    for guest in record.guests:
        for replies in (guest.written, guest.replies):
            yield from zip(guest.visit.wishes, replies, strict=False)


def with_guests(record: Record) -> Iterator[tuple[Receipt, Guest]]:
    for receipt in record.receipts:
        guest = record.guest_of(receipt.request_id)
        if guest is not None:
            yield receipt, guest


def tried(record: Record) -> Iterator[tuple[Receipt, Wish, Guest]]:
    """Yield the receipts of calls for which somebody was asked, with what was wished."""
    for receipt, guest in with_guests(record):
        if receipt.attempts:
            wishes = guest.visit.wishes
            yield receipt, next(each for each in wishes if each.id == receipt.request_id), guest


def receipt_of(record: Record, call: str) -> Receipt | None:
    return next((each for each in record.receipts if each.request_id == call), None)


def reply_to(wishes: Iterable[Wish], replies: Iterable[Reply], call: str) -> Reply | None:
    pairs = zip(wishes, replies, strict=False)
    return next((reply for wish, reply in pairs if wish.id == call), None)


def asked_for(record: Record, call: str) -> list[Asked]:
    """Return all that providers were asked for a call, in order."""
    return [each for each in record.asked if each.call == call]


def place_of(record: Record, attempt: Attempt) -> Place:
    """Return the place that an attempt was made at."""
    return record.plan.routing.place(attempt.target.partition("/")[0])


def is_at(attempt: Attempt, asked: Asked) -> bool:
    """Say whether a provider may have been asked by this attempt."""
    here = attempt.target.startswith(f"{asked.link.place}/")
    return here and attempt.began <= asked.began <= over_at(attempt)


def attempts_of(receipt: Receipt, asked: Asked) -> list[Attempt]:
    """Return the attempts by which a provider may have been asked: several in one instant."""
    return [each for each in receipt.attempts if is_at(each, asked)]


def crashed(record: Record) -> set[str]:
    """Return the calls at which the ledger has raised, as planned."""
    till = record.plan.till
    started = {entry.call for entry in record.ledger if entry.what == "started"}
    return set() if till is None else started & till.crashes


def is_resumed(record: Record, call: str) -> bool:
    """Say whether a client was told the answers of several as one."""
    receipt = receipt_of(record, call)
    return receipt is not None and receipt.resumed > 0


def tellers(record: Record, wish: Wish, body: bytes) -> list[Asked]:
    """Return those of whose answer this stream is a beginning; of a joined one the text counts."""
    asked = asked_for(record, wish.id)
    if is_resumed(record, wish.id):
        text = text_in(body)
        return [each for each in asked if any(told.startswith(text) for told in texts_of(each))]
    if wish.form != "chat":
        text = text_in(body)
        return [
            each for each in asked if not each.script.exact or texts_of(each)[0].startswith(text)
        ]
    return [each for each in asked if not (each.script.exact and misled(body, each.said))]


def texts_of(asked: Asked) -> list[str]:
    """Return the text that a provider has told, with that which it went on from.

    One that is declared to go on, and at once begins with other words, has to be believed.
    """
    text = text_in(b"".join(part.told or b"" for part in up_to_end(asked.said)))
    given = asked.script.overlooked
    if given and not text.startswith(given[:KNOWN_BY]):
        return [text, given + text]
    return [asked.script.beginning + text]


def up_to_end(said: list[Part]) -> list[Part]:
    """Return the parts before the terminal event."""
    closing = next((index for index, part in enumerate(said) if part.closes), None)
    return said[:closing]


def text_in(stream: bytes) -> str:
    """Return the text of all events that are there whole, one after the other."""
    text: list[str] = []
    for event in stream.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines)
        if data and data != b"[DONE]":
            choices = json.loads(data).get("choices", ())
            text += [each.get("delta", {}).get("content") or "" for each in choices]
    return "".join(text)


def whole_text_in(body: bytes) -> str:
    """Return the text of an answer in one piece."""
    choices = json.loads(body)["choices"] if body else ()
    return "".join(each["message"].get("content") or "" for each in choices)


def misled(body: bytes, said: Iterable[Part]) -> str:
    """Say where a stream leaves what was said; nothing where it does not."""
    rest = body
    for part in said:
        while rest.startswith(KEEPALIVE):
            rest = rest[len(KEEPALIVE) :]
        if part.closes:
            break
        if part.told is None:
            continue
        if not rest.startswith(part.told):
            return "" if _may_end_so(rest, part.told) else repr(rest[:80])
        rest = rest[len(part.told) :]
    while rest.startswith(KEEPALIVE):
        rest = rest[len(KEEPALIVE) :]
    return "" if _may_end_so(rest, DONE) else repr(rest[:80])


def _may_end_so(rest: bytes, next_part: bytes) -> bool:
    """Say whether a stream may break off like this: within a part, or with one error told."""
    if next_part.startswith(rest) or KEEPALIVE.startswith(rest) or ERROR.startswith(rest):
        return True
    return rest.startswith(ERROR) and rest.find(b"\n\n") in {-1, len(rest) - 2}
