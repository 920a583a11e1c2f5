"""The fixtures of passages: a provider that serves all areas, with two callers or without."""

from dataclasses import replace

import pytest

from gateway.policy.areas import AREAS, Ways
from gateway.policy.keys import Keyring
from gateway.words.secret import Secret
from tests.passages import ADA, BEN, PEPPER, record
from tests.stage import KEY, Stage


@pytest.fixture
def served(stage: Stage) -> Stage:
    """Have all areas served by one provider, and two callers."""

    def ways() -> Ways:
        target = replace(stage.target(), key=Secret(KEY))
        whole = replace(target, model="passthrough", query="?api-version=1")
        return Ways({area: replace(target, model=area) for area in AREAS}, {"up": whole})

    stage.ways = ways
    stage.keyring = Keyring([record("ada", ADA), record("ben", BEN)], {}, {}, PEPPER)
    return stage


@pytest.fixture
def keyless(served: Stage) -> Stage:
    served.keyring = None
    return served
