"""What all tests share: the leak check, the programs that a test may require, Hypothesis."""

import gc
import importlib.util
import inspect
import os
import shutil
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from tests import figures
from tests.leaks import Baseline, run_and_count, watch_generators

settings.register_profile("dev", deadline=None)
# What CI draws is the same each time, so that more of it finds little; at home it is drawn anew,
# and more of it.
settings.register_profile("ci", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

LOST_ERRORS = watch_generators()

NOTES = pytest.StashKey[figures.Notes]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-figures",
        action="store_true",
        help="keep what is measured in docs/reliability.figures.json",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NOTES] = figures.Notes()


def pytest_sessionfinish(session: pytest.Session) -> None:
    notes = session.config.stash[NOTES]
    if session.config.getoption("--write-figures") and not session.testsfailed:
        figures.write(notes.taken.values())


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> figures.Measured:
    """Note a figure for a row of docs/reliability.md (see `tests/figures.py`)."""
    return request.config.stash[NOTES].of(figures.name_of(request.node))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.trio(run=run_and_count), append=False)


def pytest_collection_finish() -> None:
    """Have the collector pass over what stays until the end: the modules, the tests themselves.

    The leak check and the tests of garbage ask it to go through all that there is.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves something behind.

    `@pytest.mark.leaks("reason")` excuses a test; it is there for what cannot be done otherwise.
    """
    if request.node.get_closest_marker("leaks"):
        yield
        return
    baseline = Baseline()
    LOST_ERRORS.take()
    yield
    leaks = baseline.leaks() + LOST_ERRORS.take()
    if leaks:
        pytest.fail("the test left behind: " + "; ".join(leaks), pytrace=False)


def find(name: str) -> str:
    """Return where a program or an importable package is; skip the test where there is none.

    What `GATEWAY_TESTS_REQUIRE` names, separated by commas, must be there, or the test fails.
    """
    # Debian keeps servers where the path of an ordinary user does not lead.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        spec = importlib.util.find_spec(name)
        found = spec.origin if spec is not None else None
    if found is not None:
        return found
    reason = f"{name} is not installed"
    if name in os.environ.get("GATEWAY_TESTS_REQUIRE", "").split(","):
        pytest.fail(f"{reason}, and GATEWAY_TESTS_REQUIRE demands it", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """Ask for what is not installed everywhere: `require("nginx")` returns its path, or skips."""
    return find


@pytest.fixture(scope="module")
def upstream_port() -> int:
    """Name a port for a provider that is started anew in each test of the module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
