"""Who looks is part of a house, and is not changed while calls go on with it."""

from dataclasses import FrozenInstanceError

import httpx2
import pytest

from gateway.policy.guards.guard import Guards
from gateway.relay.guards import Guarding


def test_a_reload_makes_another_and_changes_none() -> None:
    guarding = Guarding(Guards([]), httpx2.AsyncClient())
    with pytest.raises(FrozenInstanceError):
        guarding.guards = Guards([])  # type: ignore[misc]
