"""What reads the house and does not run it is not traced: that would take three times as long."""

import sys
from collections.abc import Generator

import pytest

RUN = frozenset({"test_error_page.py", "test_features.py", "test_providers.py"})
"""They ask the house itself what it does."""


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a test that only reads without what measures the coverage."""
    trace = sys.gettrace()
    if pyfuncitem.path.name not in RUN:
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)
