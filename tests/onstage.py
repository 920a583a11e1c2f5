"""The fixture that gives a test its stage; a file asks for it by `pytest_plugins`."""

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from tests.stage import Stage


@pytest.fixture
async def stage(nursery: trio.Nursery, autojump_clock: MockClock) -> AsyncIterator[Stage]:
    """Set a stage in virtual time; the test itself must ask for `autojump_clock` too."""
    stage = Stage(nursery)
    yield stage
    await stage.strike()
