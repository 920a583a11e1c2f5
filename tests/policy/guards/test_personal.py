"""What tells who somebody is: what is found, what only looks like it, and how far it matters."""

import pytest

from gateway.policy.guards.personal import KINDS
from tests.policy.guards.cutting import spans

THERE = [
    ("email", "write to john.doe+x@mail.example.com, now", ["john.doe+x@mail.example.com"]),
    ("email", "a@b.de@c.fr and x@y.org.", ["a@b.de", "x@y.org"]),
    ("email", "x" * 80 + "@a.com", ["x" * 64 + "@a.com"]),
    ("phone", "call +1 (555) 123-4567 today", ["+1 (555) 123-4567"]),
    ("phone", "call 212-555-0188 or (212) 555 0188", ["212-555-0188", "(212) 555 0188"]),
    ("card", "4111 1111 1111 1111", ["4111 1111 1111 1111"]),
    ("card", "pay 4111111111111111.", ["4111111111111111"]),
    ("card", "no.4111111111111111", ["4111111111111111"]),
    ("card", "x12 3782-822463-10005 12", ["3782-822463-10005"]),
    ("card", "4000 4111 1111 1111 1111", ["4111 1111 1111 1111"]),
    ("card", "4000000000006 009", ["4000000000006 009"]),
    ("iban", "to DE89 3704 0044 0532 0130 00 AND more", ["DE89 3704 0044 0532 0130 00"]),
    ("iban", "gb82west12345698765432", ["gb82west12345698765432"]),
    ("ssn", "his is 123-45-6789, hers 123 45 6780", ["123-45-6789", "123 45 6780"]),
    ("ip", "at 192.168.1.1. Then", ["192.168.1.1"]),
]
NOT_THERE = [
    ("email", "@ a@ @b a@b a@b.c a@b.com1 a@.com"),
    ("phone", "123-456-7890 x212-555-0188 212-555-01889 +0 123 456 789"),
    ("card", "4111111111111112 41111111111111111111 1111111111111111 4111 1111 1111"),
    ("card", "0.4111111111111111 -3.4111111111111111e-05"),
    ("card", "5111111111118"),
    (
        "iban",
        "DE89 3704 0044 0532 0130 01 ZZ89370400440532013000 DE89 3704 DE893704004405320130001",
    ),
    ("iban", "DE8937040044053201300"),
    ("ssn", "000-45-6789 666-45-6789 923-45-6789 123-00-6789 123-45-0000 123456789 1123-45-6789"),
    ("ip", "192.168.1.256 1.2.3 1.2.3.4.5 v1.2.3.4"),
]


@pytest.mark.parametrize(("kind", "text", "wanted"), THERE)
def test_it_is_found_where_it_stands(kind: str, text: str, wanted: list[str]) -> None:
    assert spans(KINDS[kind], text) == wanted


@pytest.mark.parametrize(("kind", "text"), NOT_THERE)
def test_what_only_looks_like_it_is_not(kind: str, text: str) -> None:
    assert spans(KINDS[kind], text) == []


def test_what_stands_before_is_seen_and_not_found() -> None:
    assert spans(KINDS["iban"], "DE89370400440532013000 " * 2, 3) == ["DE89370400440532013000"]
    assert spans(KINDS["card"], "14111111111111111", 1) == []


@pytest.mark.parametrize(
    ("kind", "text", "held"),
    [
        ("email", "nothing here ", ""),
        ("email", "write to john", "john"),
        ("card", "it costs 41", "41"),
        ("card", "it costs little", ""),
        ("iban", "this is", "is"),
        ("iban", "to DE8", "DE8"),
        ("iban", "to DE89 37", "DE89 37"),
        ("phone", "or (2", "(2"),
        ("ssn", "of 123-4", "123-4"),
        ("ip", "at 10.", "10."),
    ],
)
def test_only_what_may_become_something_is_held_back(kind: str, text: str, held: str) -> None:
    assert text[KINDS[kind].settled(text) :] == held


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_is_held_back_than_it_can_be_long(kind: str) -> None:
    detector = KINDS[kind]
    for sign in "a1.+@ ":
        text = sign * 5_000
        assert len(text) - detector.settled(text) <= detector.longest
