"""Runs schedules from the command line: `python -m tests.simulation --seeds 20000 --jobs 2`.

A seed that fails prints the one command that runs it again, `python -m tests.simulation --seed N`,
and that tells what happened, moment by moment.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Mapping

from rich.columns import Columns
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.simulation.campaign import BLOCK, run_block, run_blocks
from tests.simulation.regression import regression_seeds
from tests.simulation.schedule import Report, run_schedule
from tests.simulation.spoken import SPOKEN
from tests.simulation.tally import ROWS, Tally

SHOWN_FAILURES = 20

COMMAND = "python -m tests.simulation --seed {}"


def campaign(first: int, count: int, jobs: int, console: Console) -> Tally:
    """Run `count` seeds, and those that once found a bug before them."""
    last = first + count
    blocks = [range(begin, min(begin + BLOCK, last)) for begin in range(first, last, BLOCK)]
    total = run_block(regression_seeds())
    columns = (
        TextColumn("schedules"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=count, said="")
        for tally in run_blocks(blocks, jobs):
            total.merge(tally)
            failed = f"[red]{len(total.failures)} failed[/]" if total.failures else ""
            progress.update(task, advance=tally.schedules, said=failed)
    return total


def summary(total: Tally, seconds: float, console: Console) -> None:
    """Say how fast it was, and what was met how often."""
    tables = (
        table("outcome, phase", total.all_outcomes()),
        table("cause", total.all_causes()),
        table("the provider …", total.all_personalities(), ROWS),
        table("a call …", total.all_kinds()),
        table("faults drawn", total.all_faults()),
    )
    console.print(Columns(tables))
    ratio = total.virtual_seconds / seconds
    console.print(
        f"{total.schedules:,} schedules, {total.calls:,} calls, {total.steps:,} steps in"
        f" {seconds:.1f} s: {total.schedules / seconds:.1f} schedules/s,"
        f" {total.calls / seconds:.0f} calls/s, {ratio:,.0f} times real time"
        f" ({total.virtual_seconds / 86_400:.1f} virtual days)",
        highlight=False,
    )
    for seed, problems in total.failures[:SHOWN_FAILURES]:
        console.print(f"[red]seed {seed}[/]: {escape(problems[0][-600:])}", highlight=False)
        console.print(f"  run it again: {COMMAND.format(seed)}", highlight=False)
    if len(total.failures) > SHOWN_FAILURES:
        console.print(f"… and {len(total.failures) - SHOWN_FAILURES} more")


def table(
    title: str, counts: Mapping[str, int], notes: Mapping[str, Iterable[str]] | None = None
) -> Table:
    """Return counts as a table; what never came is marked."""
    found = Table(title, "times", box=None)
    for name, count in counts.items():
        rows = f" [dim]{' '.join(notes[name])}[/]" if notes else ""
        found.add_row(escape(name) + rows, f"{count:,}" if count else "[yellow]0[/]")
    return found


def replay(seed: int, console: Console) -> Report:
    """Run one seed and tell what happened."""
    report = run_schedule(seed)
    plan = report.plan
    settings = (
        plan.timeouts, plan.config.http, plan.config.clocks, plan.config.calls, plan.answers,
        f"max_calls={plan.max_calls} max_connections={plan.max_connections} most={plan.most}",
        plan.orders, *plan.visits, plan.routing.conduct, plan.routing.strategy,
        *plan.routing.places, *([] if plan.till is None else [plan.till]),
    )  # fmt: skip
    for each in settings:
        console.print(escape(str(each)), highlight=False, style="dim", soft_wrap=True)
    for line in report.trace.lines():
        console.print(escape(line), highlight=False, soft_wrap=True)
    console.print(f"trace {report.hash}, {report.virtual_seconds:.1f} virtual seconds")
    for problem in report.problems:
        console.print(f"[red]{escape(problem)}[/]", highlight=False, soft_wrap=True)
    return report


def main(arguments: list[str] | None = None) -> int:
    """Return 0 where every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many schedules")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--forms", action="store_true", help="clients speak other forms than chat")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, help="run this one and tell what happened")
    chosen = parser.parse_args(arguments)
    console = Console()
    if chosen.seed is not None:
        return int(bool(replay(chosen.seed, console).problems))
    began = time.monotonic()
    first = chosen.first + SPOKEN if chosen.forms else chosen.first
    total = campaign(first, chosen.seeds, chosen.jobs, console)
    summary(total, time.monotonic() - began, console)
    return int(bool(total.failures))


if __name__ == "__main__":
    sys.exit(main())
