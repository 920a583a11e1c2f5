"""A token that opens one session opens one, whoever serves."""

from gateway.admin.entry.tickets import LIFETIME, MOST, Tickets, shared_page
from gateway.words.secret import Secret

FIRST = "first-ticket-0123456789abcdef"


class Clock:
    """Seconds, as somebody sets them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_printed_opens_once() -> None:
    tickets = Tickets(Secret(FIRST), shared_page(), Clock())
    assert not tickets.use(FIRST[:-1])
    assert tickets.use(FIRST)
    assert not tickets.use(FIRST)


def test_who_serves_next_knows_that_it_was_used() -> None:
    page = shared_page()
    assert Tickets(Secret(FIRST), page, Clock()).use(FIRST)
    assert not Tickets(Secret(FIRST), page, Clock()).use(FIRST)


def test_another_is_good_once_and_for_a_while() -> None:
    clock = Clock()
    tickets = Tickets(Secret(FIRST), shared_page(), clock)
    one, other = tickets.make(), tickets.make()
    assert tickets.use(one)
    assert not tickets.use(one)
    clock.now = LIFETIME
    assert not tickets.use(other)
    assert tickets.use(FIRST)


def test_the_oldest_is_given_up_where_many_are_made() -> None:
    tickets = Tickets(Secret(FIRST), shared_page(), Clock())
    made = [tickets.make() for _ in range(MOST + 1)]
    assert not tickets.use(made[0])
    assert all(tickets.use(ticket) for ticket in made[1:])


def test_nothing_short_opens() -> None:
    tickets = Tickets(Secret("x"), shared_page(), Clock())
    assert not tickets.use("x")
    assert not tickets.use("")
