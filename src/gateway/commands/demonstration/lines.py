"""What the figures come to in words: a line for each phase, what is wrong, the sum, JSON. Pure."""

from collections.abc import Iterable, Sequence

from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.figures import Counted, Fate, Figures, middle, milliseconds

PHASE_WIDTH = 26
FATE_WIDTH = 41
CELL_WIDTH = 26


def line(figures: Figures) -> str:
    """Tell a phase of a gateway whose inside is seen."""
    parts = [figures.phase.ljust(PHASE_WIDTH), "client left", fate(figures).ljust(FATE_WIDTH)]
    if figures.left:
        parts += [f"tasks {most_tasks(figures.left)}", f"sockets {most_sockets(figures.left)}"]
        parts.append(receipts(figures.left))
    return " · ".join(parts).rstrip()


def line_by_ways(figures: Figures) -> str:
    """Tell a phase of another's gateway: what came of each way of leaving."""
    cells = [f"{way} {by_way(figures.of(way))}".ljust(CELL_WIDTH) for way in Way]
    return " · ".join([figures.phase.ljust(PHASE_WIDTH), *cells]).rstrip()


def fate(figures: Figures) -> str:
    """Say what became of the upstream, in the median and at worst."""
    runs = [run for run in figures.runs if not run.missed]
    if not runs:
        return "phase not reached"
    if not any(run.asked for run in runs):
        usual = middle(figures.cleared)
        gone = f", all gone {milliseconds(usual)} later" if usual is not None else ""
        return f"upstream not asked{gone}"
    if figures.fate is Fate.KEPT and not figures.closed:
        return "upstream kept for the next call"
    return f"upstream {closing(figures)}"


def closing(figures: Figures) -> str:
    """Say after how long connections were closed."""
    usual = middle(figures.closed)
    if usual is None:
        return "never closed" + waited(figures)
    text = f"closed {milliseconds(usual)} later (worst {max(figures.closed) * 1000:.1f})"
    return f"{text}, {len(figures.never)} never" if figures.never else text


def by_way(figures: Figures) -> str:
    """Say the same of one way of leaving."""
    usual = middle(figures.closed)
    if figures.never:
        return "never" + waited(figures)
    if usual is None:
        return "not reached" if figures.runs else "not tried"
    return f"{milliseconds(usual)} (worst {max(figures.closed) * 1000:.1f})"


def waited(figures: Figures) -> str:
    """Say how long it was waited for what never came."""
    return f" (waited {figures.never[0].waited:g} s)" if figures.never else ""


def most_tasks(counted: Iterable[Counted]) -> int:
    """Return the most tasks of all runs."""
    return max((count.tasks for count in counted), default=0)


def most_sockets(counted: Iterable[Counted]) -> int:
    """Return the most sockets of all runs."""
    return max((count.sockets for count in counted), default=0)


def numbers_of_receipts(counted: Iterable[Counted]) -> str:
    """Return how many receipts a call had: one number, or several where calls differ."""
    return " or ".join(str(number) for number in sorted({count.receipts for count in counted}))


def receipts(counted: Sequence[Counted]) -> str:
    """Say how many receipts a call had, and how it ended where it did not end by its client."""
    numbers = numbers_of_receipts(counted)
    ends = sorted({end for count in counted for end in count.outcomes} - {"client_gone"})
    return ", ".join([f"{numbers} receipt" + ("" if numbers == "1" else "s"), *ends])


def verdict(found: Sequence[Figures], within: float) -> list[str]:
    """Sum up: how many calls, how soon their upstreams were closed, in how many phases."""
    closed = [seconds for figures in found for seconds in figures.closed]
    left = [count for figures in found for count in figures.left]
    parts = [f"{sum(len(figures.runs) for figures in found)} calls left by their clients"]
    usual = middle(closed)
    if usual is not None:
        worst = milliseconds(max(closed))
        parts.append(f"upstream closed {milliseconds(usual)} later in the median, {worst} at worst")
    if left:
        parts += [f"tasks {most_tasks(left)}", f"sockets {most_sockets(left)}"]
        parts.append(f"{sum(count.receipts for count in left)} receipts")
    kept = sum(not figures.problems() for figures in found)
    what = "The promise was kept" if left else "The upstream was closed in time"
    phases = f"{what} in {kept} of {len(found)} phases; {within * 1000:g} ms are allowed."
    repeated = sum(figures.repeated for figures in found)
    busy = f"{repeated} calls were held up by other programs on this machine and made again."
    return [" · ".join(parts), *([busy] if repeated else []), phases]


def as_object(found: Sequence[Figures], within: float) -> dict[str, object]:
    """Return all figures for programs; durations are milliseconds."""
    return {
        "kept": not any(figures.problems() for figures in found),
        "within_ms": within * 1000,
        "phases": [_phase(figures) for figures in found],
    }


def _phase(figures: Figures) -> dict[str, object]:
    return {
        "phase": figures.phase,
        "expected": str(figures.fate),
        "runs": len(figures.runs),
        "repeated": figures.repeated,
        "closed_ms": _durations(figures.closed),
        "closed_ms_by_way": {str(way): _durations(figures.of(way).closed) for way in Way},
        "never_closed": len(figures.never),
        "cleared_ms": _durations(figures.cleared),
        "open_before": _counts(figures.open),
        "left_after": _counts(figures.left),
        "outcomes": sorted({end for count in figures.left for end in count.outcomes}),
        "problems": figures.problems(),
    }


def _durations(seconds: Sequence[float]) -> dict[str, float] | None:
    usual = middle(list(seconds))
    if usual is None:
        return None
    return {"median": round(usual * 1000, 3), "worst": round(max(seconds) * 1000, 3)}


def _counts(counted: Sequence[Counted]) -> dict[str, int] | None:
    """Return the most of each over all runs, and the fewest receipts."""
    if not counted:
        return None
    numbers = [count.receipts for count in counted]
    return {
        "tasks": most_tasks(counted),
        "sockets": most_sockets(counted),
        "receipts": max(numbers),
        "fewest_receipts": min(numbers),
    }
