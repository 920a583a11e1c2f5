"""A browser's way to an issuer and back."""

from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from gateway.admin.entry.trips import _SALT, LIFETIME, MAX_COOKIE, MOST_ENDED, Trips
from gateway.words.secret import Secret

KEY = Secret("k" * 43)


@pytest.fixture
def trips() -> Trips:
    return Trips(KEY)


def test_who_comes_back_has_what_they_left_with_and_once(trips: Trips) -> None:
    trip, cookie = trips.begin()
    assert trips.end(cookie, trip.state) == trip
    assert trips.end(cookie, trip.state) is None


def test_no_two_trips_have_anything_in_common_and_the_cookie_holds_the_state_alone(
    trips: Trips,
) -> None:
    one, cookie = trips.begin()
    other, _ = trips.begin()
    assert len({one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier}) == 6
    assert one.verifier not in cookie
    assert one.nonce not in cookie
    assert len(cookie) < MAX_COOKIE
    assert Trips(Secret("l" * 43))._of(one.state) != one


def test_the_challenge_is_that_of_the_verifier(trips: Trips) -> None:
    trip, _ = trips.begin()
    digest = sha256(trip.verifier.encode()).digest()
    assert trip.challenge == urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert 43 <= len(trip.verifier) <= 128


def test_a_state_that_is_not_the_browsers_ends_nothing(trips: Trips) -> None:
    trip, cookie = trips.begin()
    other, _ = trips.begin()
    for state in ("", trip.state[:-1], other.state, "\ud800", "é"):
        assert trips.end(cookie, state) is None
    assert trips.end(cookie, trip.state) == trip


@pytest.mark.parametrize("cookie", [None, "", "x", "x" * (MAX_COOKIE + 1), "a.b.c"])
def test_no_cookie_and_a_forged_one_end_nothing(trips: Trips, cookie: str | None) -> None:
    trip, _ = trips.begin()
    assert trips.end(cookie, trip.state) is None


def test_a_cookie_of_another_start_or_of_another_kind_ends_nothing(trips: Trips) -> None:
    trip, cookie = Trips(Secret("l" * 43)).begin()
    assert trips.end(cookie, trip.state) is None
    signer = trips._signer()
    assert trips.end(str(signer.dumps([trip.state])), trip.state) is None
    foreign = URLSafeTimedSerializer(KEY.reveal(), salt=_SALT)
    assert trips.end(str(foreign.dumps(trip.state)), trip.state) is None


class Past(TimestampSigner):
    """Signs as one did who began a little too long ago."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - LIFETIME - 1


def test_who_takes_too_long_begins_again(trips: Trips) -> None:
    trip, cookie = trips.begin()
    signer = URLSafeTimedSerializer(trips._signer().secret_key, salt=_SALT, signer=Past)
    assert trips.end(str(signer.dumps(trip.state)), trip.state) is None
    assert trips.end(cookie, trip.state) == trip


def test_nobody_is_kept_from_the_way_by_those_who_have_gone_it_before(trips: Trips) -> None:
    first, first_cookie = trips.begin()
    assert trips.end(first_cookie, first.state) == first
    for _ in range(MOST_ENDED - 1):
        trip, cookie = trips.begin()
        assert trips.end(cookie, trip.state) is not None
    assert trips.end(first_cookie, first.state) is None
    late, cookie = trips.begin()
    assert trips.end(cookie, late.state) == late
    assert trips.end(cookie, late.state) is None
    assert len(trips._ended) == MOST_ENDED
