"""Budgets: calendar windows, purses, what calls hold of them; nothing is lost or passed."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.policy.budgets import (
    DAY,
    HOUR,
    LOOK_AGAIN,
    SET_BACK,
    WEEK,
    Funds,
    History,
    Purse,
    Purses,
    Short,
    Spent,
    Want,
    Window,
    accounts_for,
    alerts_of,
    concerns,
    dollars,
    exceeded,
    nothing_before,
    spent_out,
    window_of,
)
from gateway.words.budget import Account, Budget, Per
from gateway.words.errors import Busy

USD = 1_000_000_000
"""Nano-dollars."""


def seconds(written: str) -> int:
    return int(datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp())


NOON = seconds("2026-11-30 12:00")
"""A Monday, the last day of its month."""

PERS: tuple[Per, ...] = get_args(Per)
MOMENTS = st.integers(0, seconds("2200-01-01"))


def account(
    nanos: int = USD, per: Per = "day", name: str = "key ci", models: tuple[str, ...] = ()
) -> Account:
    return Account(name, "key", Budget(nanos, per, models), key="ci")


def purse(limit: int = USD, **more: object) -> Purse:
    return Purses().of(Account("key ci", "key", Budget(limit, "day", **more), key="ci"), NOON)  # type: ignore[arg-type]


def naive(per: Per, moment: int) -> Window:
    """Find the window on a calendar, day by day."""
    start = datetime.fromtimestamp(moment, UTC).replace(minute=0, second=0)
    if per != "hour":
        start = start.replace(hour=0)
    end = start + timedelta(hours=1 if per == "hour" else 24)

    def is_first(day: datetime) -> bool:
        return {
            "hour": True,
            "day": True,
            "week": day.weekday() == 0,
            "month": day.day == 1,
            "year": (day.month, day.day) == (1, 1),
        }[per]

    while not is_first(start):
        start -= timedelta(days=1)
    while not is_first(end):
        end += timedelta(days=1)
    return Window(int(start.timestamp()), int(end.timestamp()))


@settings(deadline=None)
@given(st.sampled_from(PERS), MOMENTS)
@example("month", seconds("2024-02-29 23:59:59"))
@example("month", seconds("2023-02-28 23:59:59"))
@example("month", seconds("2100-02-28 23:59:59"))
@example("month", seconds("2026-12-31 23:59:59"))
@example("year", seconds("2024-12-31 23:59:59"))
@example("year", seconds("2025-01-01"))
@example("week", seconds("2024-12-30"))
@example("week", seconds("2026-01-04 23:59:59"))
@example("week", 0)
@example("day", seconds("2024-02-29"))
@example("hour", seconds("2016-12-31 23:59:59"))
def test_a_window_is_the_one_of_the_calendar(per: Per, moment: int) -> None:
    window = window_of(per, moment)
    assert window == naive(per, moment)
    assert window.start <= moment < window.end


@given(st.sampled_from(PERS), MOMENTS, st.floats(0, 0.999))
def test_windows_follow_each_other_without_a_gap(per: Per, moment: int, part: float) -> None:
    window = window_of(per, moment)
    assert window_of(per, window.start) == window
    assert window_of(per, window.end - 1 + part) == window
    after = window_of(per, window.end)
    assert after.start == window.end
    assert window_of(per, after.start - 0.001) == window


@pytest.mark.parametrize(
    ("per", "moment", "start", "end"),
    [
        ("month", "2024-02-10", "2024-02-01", "2024-03-01"),
        ("month", "2026-12-31", "2026-12-01", "2027-01-01"),
        ("year", "2024-02-29", "2024-01-01", "2025-01-01"),
        ("week", "2026-12-31", "2026-12-28", "2027-01-04"),
        ("week", "2024-03-01", "2024-02-26", "2024-03-04"),
    ],
)
def test_months_and_years_are_as_long_as_they_are(
    per: Per, moment: str, start: str, end: str
) -> None:
    assert window_of(per, seconds(moment)) == (seconds(start), seconds(end))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the machine's own clock be put forward in spring and back in autumn."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("day", ["2031-03-30 01:30", "2031-10-26 01:30", "2031-06-30 23:30"])
def test_the_machines_own_time_of_day_is_of_no_account(berlin: None, day: str) -> None:
    assert time.localtime(seconds("2031-06-30")).tm_hour == 2
    moment = seconds(day)
    for per, length in (("hour", HOUR), ("day", DAY), ("week", WEEK)):
        window = window_of(per, moment)  # type: ignore[arg-type]
        assert window.end - window.start == length
    for per in PERS:
        assert window_of(per, moment) == naive(per, moment)


def test_an_account_has_one_purse_in_a_window_and_another_in_the_next() -> None:
    purses = Purses()
    today = purses.of(account(), NOON)
    assert purses.of(account(), NOON + 11 * HOUR) is today
    assert (today.limit, today.ceiling, today.room, today.known) == (USD, USD, USD, 0)
    today.spent = USD
    tomorrow = purses.of(account(), NOON + 12 * HOUR)
    assert (tomorrow.room, len(purses), list(purses)) == (USD, 1, [tomorrow])
    assert tomorrow.window == window_of("day", NOON + 12 * HOUR)


def test_a_call_that_spans_the_end_of_a_window_is_paid_from_where_it_began() -> None:
    purses = Purses()
    night = seconds("2026-12-31 23:59:59")
    accounts = [account(per=per, name=f"key ci {per}") for per in ("day", "year", "week")]
    old = [purses.of(each, night) for each in accounts]
    funds = Funds(old)
    assert funds.take(10) is None
    new = [purses.of(each, night + 1) for each in accounts]
    assert new[:2] != old[:2]
    assert new[2] is old[2]
    assert funds.take(5) is None
    funds.close(12)
    assert [(each.spent, each.reserved) for each in old] == [(12, 0)] * 3
    assert [(each.spent, each.reserved) for each in new[:2]] == [(0, 0)] * 2


def test_a_clock_that_is_set_back_a_little_opens_no_window_again() -> None:
    purses = Purses()
    midnight = seconds("2026-12-01")
    today = purses.of(account(), midnight)
    assert purses.of(account(), midnight - SET_BACK) is today
    # Set back by days it is taken at its word.
    assert purses.of(account(), midnight - SET_BACK - 1).window.end == midnight


def test_what_was_spent_before_is_spent() -> None:
    purses = Purses()
    asked: list[tuple[str, Window]] = []

    def before(account: Account, window: Window) -> int:
        asked.append((account.name, window))
        return 7

    purses.before = before
    found = purses.of(account(), NOON)
    assert (found.spent, found.known, found.room) == (7, 7, USD - 7)
    assert asked == [("key ci", window_of("day", NOON))]
    assert purses.of(account(), NOON) is found
    assert len(asked) == 1
    assert nothing_before(account(), window_of("day", NOON)) == 0


def test_of_a_shared_store_a_purse_holds_what_it_is_granted_alone() -> None:
    purses = Purses(common=True)
    purses.before = lambda _account, _window: 7
    found = purses.of(account(), NOON)
    assert (found.limit, found.ceiling, found.spent, found.known) == (USD, 0, 0, 7)
    funds = Funds([found])
    assert funds.wants(5, 80) == [Want(found, 5, 80)]
    assert funds.take(5) == Short(found)
    found.ceiling += 80
    assert funds.wants(5, 80) == []
    assert funds.take(5) is None
    assert purses.of(account(2 * USD), NOON) is found
    assert (found.limit, found.ceiling) == (2 * USD, 80)


def test_another_amount_holds_from_now_on_and_what_is_spent_stays_spent() -> None:
    purses = Purses()
    found = purses.of(account(), NOON)
    found.spent = 600
    assert purses.of(account(500), NOON) is found
    assert (found.limit, found.ceiling, found.room) == (500, 500, -100)
    assert found.account == account(500)


def test_purses_are_bounded_and_those_of_the_past_give_way() -> None:
    purses = Purses(most=3)
    hours = [purses.of(account(per="hour", name=name), NOON) for name in ("a", "b")]
    purses.of(account(per="month", name="m"), NOON)
    held = Funds(hours[:1])
    held.take(1)
    with pytest.raises(Busy):
        purses.of(account(per="month", name="n"), NOON)
    # Who has one keeps it, and what is over makes room, unless a call holds something of it.
    assert purses.of(account(per="hour", name="a"), NOON) is hours[0]
    later = purses.of(account(per="month", name="n"), NOON + HOUR)
    assert [each.account.name for each in purses] == ["a", "m", "n"]
    with pytest.raises(Busy):
        purses.of(account(per="year", name="y"), NOON + HOUR + 1)
    held.close(1)
    assert purses.of(account(per="year", name="y"), NOON + HOUR + 3).room == USD
    assert purses.of(account(per="month", name="n"), NOON + HOUR + 3) is later


def test_it_is_not_looked_for_room_at_each_call() -> None:
    purses = Purses(most=1)
    old = purses.of(account(per="hour", name="a"), NOON)
    funds = Funds([old])
    funds.take(1)
    later = NOON + HOUR
    with pytest.raises(Busy):
        purses.of(account(name="b"), later)
    funds.close(1)
    with pytest.raises(Busy):
        purses.of(account(name="b"), later + LOOK_AGAIN / 2)
    assert purses.of(account(name="b"), later + LOOK_AGAIN).room == USD


def test_what_is_over_is_forgotten_once_no_call_holds_it() -> None:
    purses = Purses()
    funds = Funds([purses.of(account(name="a"), NOON), purses.of(account(name="b"), NOON)])
    purses.of(account(per="month", name="c"), NOON)
    purses.of(account(per="hour", name="d"), NOON)
    funds.take(1)
    purses.forget(NOON + HOUR)
    assert len(purses) == 3
    purses.forget(NOON + DAY)
    assert [each.account.name for each in purses] == ["a", "b"]
    funds.close(0)
    purses.forget(NOON + DAY)
    assert len(purses) == 0


def test_a_call_takes_from_all_its_purses_or_from_none() -> None:
    rich, poor = purse(100), purse(10)
    funds = Funds([rich, poor])
    assert funds.wants(11, 50) == [Want(poor, 11, 50)]
    assert funds.take(11) == Short(poor)
    assert (rich.reserved, poor.reserved, funds.held) == (0, 0, 0)
    assert funds.take(10) is None
    assert (rich.reserved, poor.reserved, funds.held) == (10, 10, 10)
    assert funds.take(1) == Short(poor)
    funds.give_back(4)
    assert (rich.reserved, poor.reserved, funds.held) == (6, 6, 6)
    assert funds.take_what_is_left(50) == 4
    assert funds.take_what_is_left(50) == 0
    assert (rich.room, poor.room) == (90, 0)
    funds.give_back(99)
    assert (rich.reserved, poor.reserved, funds.held) == (0, 0, 0)


def test_what_is_overdrawn_has_nothing_left() -> None:
    found = purse(10)
    first, second = Funds([found]), Funds([found])
    first.take(10)
    first.close(15)
    assert found.room == -5
    assert second.take_what_is_left(3) == 0
    assert second.take(1) == Short(found)
    assert second.take(0) is None, "what costs nothing needs nothing"
    assert (found.reserved, second.held) == (0, 0)


def test_a_call_that_nobody_pays_holds_without_end() -> None:
    funds = Funds([])
    assert (funds.take(5), funds.wants(9, 9), funds.take_what_is_left(7)) == (None, [], 7)
    funds.close(12)
    assert funds.held == 0


def test_to_close_again_changes_nothing_and_who_is_closed_takes_nothing() -> None:
    found = purse(100)
    funds = Funds([found])
    funds.take(30)
    funds.close(20)
    funds.close(50)
    assert funds.take(10) is None
    assert funds.take_what_is_left(10) == 10
    funds.give_back(10)
    assert (found.spent, found.reserved, funds.held) == (20, 0, 0)


AMOUNTS = st.integers(0, 60)
ACCOUNTS = (
    account(100, "hour", "key ci hour"),
    account(150, "day", "key ci day"),
    account(90, "month", "team t month"),
)


class AnyCalls(RuleBasedStateMachine):
    """Whatever calls do: a purse holds what its open calls hold, and no more than there is."""

    calls: Bundle[Funds] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.purses = Purses()
        self.today = seconds("2027-02-28 22:30")
        self.open: list[Funds] = []
        self.closed: list[tuple[Funds, int]] = []
        self.seen: dict[int, Purse] = {}

    @rule(seconds=st.sampled_from([1, 600, HOUR, DAY]))
    def wait(self, seconds: int) -> None:
        self.today += seconds

    @rule()
    def forget(self) -> None:
        self.purses.forget(self.today)

    @rule(target=calls, chosen=st.sets(st.sampled_from(range(3))))
    def begin(self, chosen: set[int]) -> Funds:
        purses = [self.purses.of(ACCOUNTS[index], self.today) for index in sorted(chosen)]
        self.seen |= {id(each): each for each in purses}
        funds = Funds(purses)
        self.open.append(funds)
        return funds

    @rule(funds=calls, amount=AMOUNTS)
    def take(self, funds: Funds, amount: int) -> None:
        held = funds.held
        enough = all(each.room >= amount for each in funds.purses) or funds not in self.open
        assert (funds.take(amount) is None) is enough
        assert funds.held == held + (amount if enough and funds in self.open else 0)

    @rule(funds=calls, amount=AMOUNTS)
    def take_what_is_left(self, funds: Funds, amount: int) -> None:
        held, rooms = funds.held, [each.room for each in funds.purses]
        got = funds.take_what_is_left(amount)
        assert got == min([amount, *rooms])
        assert funds.held == held + (got if funds in self.open else 0)

    @rule(funds=calls, amount=AMOUNTS)
    def give_back(self, funds: Funds, amount: int) -> None:
        held = funds.held
        funds.give_back(amount)
        assert funds.held == max(0, held - amount)

    @rule(funds=calls, part=st.floats(0, 1))
    def close(self, funds: Funds, part: float) -> None:
        cost = int(funds.held * part)
        funds.close(cost)
        if funds in self.open:
            self.open.remove(funds)
            self.closed.append((funds, cost))

    @invariant()
    def nothing_is_lost_and_nothing_is_passed(self) -> None:
        for each in self.seen.values():
            assert each.reserved == sum(funds.held for funds in self.open if each in funds.purses)
            assert each.spent == sum(cost for funds, cost in self.closed if each in funds.purses)
            assert each.spent + each.reserved <= each.ceiling
            assert each.room >= 0

    def teardown(self) -> None:
        for funds in self.open:
            funds.close(funds.held)
        assert not any(each.reserved for each in self.seen.values())
        assert all(each.spent <= each.ceiling for each in self.seen.values())


def test_nothing_is_lost_and_no_limit_is_passed_whatever_calls_do() -> None:
    run_state_machine_as_test(AnyCalls, settings=settings(max_examples=60, stateful_step_count=40))


MODELS = ("gpt-5.2", "claude-opus-4-5", None)
ROWS = st.lists(
    st.builds(
        Spent,
        key=st.sampled_from(["ci", "ada"]),
        team=st.sampled_from([None, "t", "u"]),
        user=st.sampled_from([None, "ada", "bob"]),
        model=st.sampled_from(MODELS),
        nanos=st.integers(0, 100),
        account=st.just(""),
    ),
    max_size=12,
)


def spent_by(account: Account, rows: list[Spent]) -> int:
    return History({NOON: rows}).before(account, Window(NOON, NOON + HOUR))


@given(ROWS)
def test_of_the_ledgers_rows_an_account_has_spent_its_own(rows: list[Spent]) -> None:
    budget = Budget(USD, "day")
    opus = Budget(USD, "day", ("claude-opus-*",))
    for holder, mine in (
        (Account("a", "key", budget, key="ci"), [row for row in rows if row.key == "ci"]),
        (Account("b", "team", budget, team="t"), [row for row in rows if row.team == "t"]),
        (
            Account("c", "user", budget, team="t", user="ada"),
            [row for row in rows if (row.team, row.user) == ("t", "ada")],
        ),
        (
            Account("d", "user", budget, key="ci", team="t"),
            [row for row in rows if (row.key, row.team, row.user) == ("ci", "t", None)],
        ),
        (
            Account("e", "team", opus, team="t"),
            [row for row in rows if (row.team, row.model) == ("t", "claude-opus-4-5")],
        ),
    ):
        assert spent_by(holder, rows) == sum(row.nanos for row in mine)


def test_an_opening_balance_is_one_accounts_alone() -> None:
    budget = Budget(USD, "day", ("gpt-*",))
    rows = [Spent("ci", "t", None, "gpt-5.2", 1), Spent("", None, None, None, 20, "key ci day")]
    assert spent_by(Account("key ci day", "key", budget, key="ci"), rows) == 21
    assert spent_by(Account("key ci day gpt-*", "key", budget, key="ci"), rows) == 1
    assert spent_by(Account("team t day", "team", budget, team="t"), rows) == 1


def test_of_a_window_that_began_later_nothing_is_known() -> None:
    history = History({NOON: [Spent("ci", None, None, None, 5)]})
    assert history.before(account(), Window(NOON, NOON + HOUR)) == 5
    assert history.before(account(), Window(NOON + HOUR, NOON + 2 * HOUR)) == 0


def test_each_part_of_a_budget_is_told_once() -> None:
    found = purse(100, alert=(0.5, 0.8, 1.0))
    assert alerts_of(found) == []
    found.spent = 50
    assert alerts_of(found) == [0.5]
    assert alerts_of(found) == []
    found.spent = 130
    assert alerts_of(found) == [0.8, 1.0]
    assert alerts_of(found) == []


def test_what_all_processes_have_spent_is_told_of_too() -> None:
    found = purse(100, alert=(0.8,))
    found.spent, found.known = 10, 85
    assert alerts_of(found) == [0.8]


def test_where_the_amount_is_raised_its_parts_are_told_again() -> None:
    purses = Purses()
    budget = Budget(100, "day", alert=(0.5,))
    found = purses.of(Account("k", "key", budget), NOON)
    found.spent = 60
    assert alerts_of(found) == [0.5]
    purses.of(Account("k", "key", Budget(200, "day", alert=(0.5,))), NOON)
    assert alerts_of(found) == []
    found.spent = 100
    assert alerts_of(found) == [0.5]


@given(st.lists(st.integers(0, 40), max_size=8))
def test_alerts_are_told_in_order_and_never_twice(costs: list[int]) -> None:
    parts = (0.25, 0.5, 1.0)
    found = purse(100, alert=parts)
    told = []
    for cost in costs:
        found.spent += cost
        told += alerts_of(found)
    assert told == [part for part in parts if found.spent >= part * 100]


def test_a_list_without_a_name_means_all_models() -> None:
    assert concerns((), "anything")
    assert concerns(("gpt-5.2", "claude-*"), "gpt-5.2")
    assert concerns(("gpt-5.2", "claude-*"), "claude-opus-4-5")
    assert not concerns(("gpt-5.2", "claude-*"), "gpt-5.2-mini")


def test_a_call_is_paid_from_the_accounts_that_mean_its_model() -> None:
    whole, opus = account(), account(name="key ci opus", models=("claude-opus-*",))
    assert accounts_for([whole, opus], "claude-opus-4-5") == [whole, opus]
    assert accounts_for([whole, opus], "gpt-5.2") == [whole]


def test_a_refusal_says_whose_how_much_and_until_when() -> None:
    found = purse(5 * USD)
    found.spent, found.reserved = 4 * USD, USD // 2
    error = exceeded(Short(found), 3 * USD)
    assert error.message == (
        "The budget of this key has too little left for this call: it may cost about $3.0000, and"
        " $0.5000 of $5.0000 per day is free. It begins anew at 2026-12-01T00:00Z."
    )
    assert (error.status, error.type) == (429, "insufficient_quota")
    found.known = 9 * USD
    assert "and $0.0000 of $5.0000 per day" in exceeded(Short(found), 1).message


def test_a_stream_that_is_stopped_says_the_same() -> None:
    found = purse(1500 * USD, models=("claude-opus-*",))
    error = spent_out(found)
    assert error.message == (
        "The budget of this key for this model is spent: $1,500.0000 per day."
        " It begins anew at 2026-12-01T00:00Z."
    )
    assert error.status == 429


@pytest.mark.parametrize(
    ("nanos", "said"),
    [
        (0, "$0.0000"),
        (1, "$0.000000001"),
        (999_999, "$0.000999999"),
        (1_000_000, "$0.0010"),
        (1_234_500_000_000, "$1,234.5000"),
    ],
)
def test_small_amounts_are_written_out(nanos: int, said: str) -> None:
    assert dollars(nanos) == said
