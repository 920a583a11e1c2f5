"""Fuzzes from the command line: `python -m tests.fuzz TARGET --seconds N`, or `differential`.

A target runs under atheris, with the gateway's modules instrumented and no others. What fails is
kept in a file, from which `python -m tests.fuzz TARGET --input FILE` shows it again.
"""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz import differential

ROUND = 5000
"""Seeds between two looks at the clock."""

LONGEST_INPUT = 16_384
SLOWEST = 20
"""Seconds after which one input counts as a hang."""

NAMES = (
    "answers", "calls", "completions", "configurations", "connections", "events", "frames",
    "messages", "refusals",
)  # fmt: skip


def main() -> None:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*NAMES, "differential"])
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time")
    parser.add_argument("--first", type=int, default=0, help="the first seed (differential)")
    parser.add_argument("--count", type=int, default=0, help="how many (differential)")
    parser.add_argument("--input", type=Path, help="run this one file, without atheris")
    parser.add_argument("--found", type=Path, default=Path(), help="a folder for what failed")
    chosen = parser.parse_args()
    if chosen.target == "differential":
        compare(chosen.first, chosen.count, chosen.seconds)
    elif chosen.input is not None:
        table = importlib.import_module("tests.fuzz.table")
        table.TARGETS[chosen.target](chosen.input.read_bytes())
    else:
        fuzz(chosen.target, int(chosen.seconds), chosen.found)


def compare(first: int, count: int, seconds: float) -> None:
    """Compare so many mutated requests, or for so long; print how it went."""
    began = time.monotonic()
    end = began + seconds
    told, seed = differential.run(()), first
    while seed < first + count or time.monotonic() < end:
        size = min(ROUND, first + count - seed) if seed < first + count else ROUND
        told += differential.run(range(seed, seed + size))
        seed += size
    took = time.monotonic() - began
    for how, often in told.most_common():
        sys.stdout.write(f"{often:>10,}  {how}\n")
    sys.stdout.write(f"{told.total():,} requests, no disagreement, {took:.1f} s\n")


def fuzz(name: str, seconds: int, found: Path) -> None:
    """Let atheris look for inputs on which a target fails; it ends the process itself."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["gateway"]):
        table = importlib.import_module("tests.fuzz.table")
    with tempfile.TemporaryDirectory(prefix="gateway-fuzz-") as fresh:
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={SLOWEST}",
            f"-artifact_prefix={found.absolute()}/{name}-",
            "-print_final_stats=1",
            fresh,
            str(table.CORPUS / name),
        ]
        atheris.Setup([sys.argv[0], *options], table.TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
