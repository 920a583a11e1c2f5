"""The seeds that once found a bug and run for ever: `seeds.txt`, a line for each with its cause."""

from pathlib import Path

SEEDS = Path(__file__).with_name("seeds.txt")


def regression_seeds(path: Path = SEEDS) -> list[int]:
    """Return the seeds of the file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]
