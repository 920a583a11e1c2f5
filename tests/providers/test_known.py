"""The table of those who speak OpenAI's form: what stands in a row is what a provider gets."""

import pytest

from gateway.policy.callers import is_loopback
from gateway.providers.address import parse_base_url
from gateway.providers.known import KNOWN, Named

ADDRESSED = [each for each in KNOWN if each.base_url]


def test_no_kind_stands_there_twice() -> None:
    assert len({each.kind for each in KNOWN}) == len(KNOWN)
    assert len({each.base_url for each in ADDRESSED}) == len(ADDRESSED)


@pytest.mark.parametrize("named", ADDRESSED, ids=lambda named: named.kind)
def test_an_address_is_one_that_a_file_could_hold(named: Named) -> None:
    origin, path = parse_base_url(named.base_url)
    assert named.base_url in {f"{origin}{path}", f"{origin.scheme}://{origin.host}{path}"}


@pytest.mark.parametrize("named", ADDRESSED, ids=lambda named: named.kind)
def test_a_key_goes_over_the_network_encrypted_and_who_wants_none_is_on_this_machine(
    named: Named,
) -> None:
    origin, _ = parse_base_url(named.base_url)
    assert (origin.scheme == "https") == bool(named.variable)
    assert is_loopback(origin.host) == (not named.variable)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (Named("a", "A", "https://a", "A"), True),
        (Named("a", "A", "https://a"), False),
        (Named("a", "A", "", "A"), False),
        (Named("a", "A", "https://a", "A", lists=False), False),
        (Named("a", "A", "https://a", "A", shared_variable=True), False),
    ],
)
def test_a_variable_tells_of_whom_it_alone_makes_a_provider(named: Named, told: bool) -> None:
    assert named.is_told_by_variable is told
