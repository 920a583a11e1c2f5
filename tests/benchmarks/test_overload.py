"""The measurement of idle streams, with a few of them: it runs, and says what it says it does."""

import pytest

from benchmarks.load import Tools
from benchmarks.overload import measure

STREAMS = 40


def test_streams_are_held_and_leave_at_once(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    measure(tools, STREAMS, 0.1)
    said = {line[:38].strip(): line[38:].strip() for line in capsys.readouterr().out.splitlines()}
    assert said["streams at once"] == str(STREAMS)
    assert int(said["descriptors of the gateway"]) > 2 * STREAMS
    assert said["memory of each"].endswith(" KiB")
    assert said["until all who left at once are gone"].endswith(" s")
