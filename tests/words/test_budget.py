"""Budgets as words: they lie in databases, travel with callers and are compared."""

import msgspec
import pytest

from gateway.words.budget import Account, Budget
from gateway.words.caller import ANYONE, Caller


def test_a_budget_is_kept_without_what_is_left_at_its_default() -> None:
    assert msgspec.json.encode(Budget(5, "day")) == b'{"nanos":5,"per":"day"}'
    whole = Budget(5, "week", ("a", "b*"), "user", "worst", "c", (0.5, 1.0))
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Budget) == whole


@pytest.mark.parametrize(
    "kept",
    [
        b'{"per":"day"}',
        b'{"nanos":5}',
        b'{"nanos":5.5,"per":"day"}',
        b'{"nanos":5,"per":"minute"}',
        b'{"nanos":5,"per":"day","each":"key"}',
        b'{"nanos":5,"per":"day","reserve":"most"}',
    ],
)
def test_what_is_no_budget_is_not_taken_for_one(kept: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(kept, type=Budget)


def test_who_calls_without_a_key_has_no_account() -> None:
    assert (ANYONE.accounts, ANYONE.unpriced) == ((), "refuse")
    account = Account("key ci day", "key", Budget(5, "day"), key="ci")
    assert Caller("ci", "0", accounts=(account,)).accounts == (account,)
    assert account != Account("key ci day", "key", Budget(6, "day"), key="ci")
