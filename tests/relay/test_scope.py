"""Who may share something with whom."""

from gateway.relay.scope import scope_of
from gateway.words.caller import Caller


def test_s12_a_team_shares_and_nobody_else_does() -> None:
    assert scope_of(Caller("a", "1", "t")) == scope_of(Caller("b", "2", "t"))
    alone = [Caller("a", "1"), Caller("b", "1"), Caller("a", "2"), Caller("1", "a")]
    assert len({scope_of(caller) for caller in alone}) == len(alone)
