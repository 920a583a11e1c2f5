"""The load tools, compiled once for all who test them."""

from collections.abc import Callable, Iterator

import pytest

from benchmarks.load import Tools, Upstream, build


@pytest.fixture(scope="session")
def tools(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Tools:
    require("cc")
    return build(tmp_path_factory.mktemp("tools"))


@pytest.fixture
def upstream(tools: Tools) -> Iterator[Upstream]:
    with Upstream(tools) as running:
        yield running
