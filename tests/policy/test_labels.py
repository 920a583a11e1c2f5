"""What clients say of their calls for the ledger's sake."""

import pytest

from gateway.policy.labels import MOST_TAGS, Labels, labels_of


def test_who_says_nothing_has_no_labels() -> None:
    assert labels_of({b"host": b"x"}) == Labels()


def test_tags_session_and_client_are_read() -> None:
    said = labels_of(
        {
            b"x-gateway-tags": b"team-a, env=prod ,team-a",
            b"x-gateway-session": b"s-1",
            b"user-agent": b"OpenAI/Python 3.3.0",
        }
    )
    assert said == Labels(("team-a", "env=prod"), "s-1", "OpenAI/Python")


@pytest.mark.parametrize("odd", [b"", b",,", b"a b", b"\xff", b"x" * 65, b"'; drop table calls"])
def test_what_is_no_label_is_left_out(odd: bytes) -> None:
    said = labels_of({b"x-gateway-tags": odd, b"x-gateway-session": odd})
    assert (said.tags, said.session) == ((), None)
    assert labels_of({b"user-agent": b"(odd) agent"}).client is None


def test_there_are_so_many_tags_and_no_more() -> None:
    many = b",".join(b"t%d" % number for number in range(10_000))
    assert len(labels_of({b"x-gateway-tags": many}).tags) == MOST_TAGS
