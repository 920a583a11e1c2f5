"""Offers and aliases: the material of routes."""

from gateway.policy.offers import Alias
from gateway.words.target import Timeouts


def test_a_name_of_its_own_clocks_keeps_the_others() -> None:
    above = Timeouts(connect=1.0, idle=2.0)
    assert Alias("m", {"idle": 3.0}).timeouts(above) == Timeouts(connect=1.0, idle=3.0)
    assert Alias().timeouts(above) == above
