"""The targets of the fuzzer by name; each takes any bytes and has its oracle."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.fuzz.answers import answers
from tests.fuzz.calls import calls
from tests.fuzz.completions import completions
from tests.fuzz.configurations import configurations
from tests.fuzz.connections import connections
from tests.fuzz.events import events
from tests.fuzz.frames import frames
from tests.fuzz.messages import messages
from tests.fuzz.refusals import refusals

Target = Callable[[bytes], None]

TARGETS: Final[Mapping[str, Target]] = {
    target.__name__: target
    for target in (
        *(answers, calls, completions, configurations, connections, events, frames),
        *(messages, refusals),
    )
}

CORPUS = Path(__file__).parent / "corpus"
"""A folder for each target. What once failed stands there for ever, and runs as a test."""


def corpus(name: str) -> list[Path]:
    """Return the files of a target."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())
