"""`python -m benchmarks.failover`: play every scenario, print the scorecard."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import openai
import trio

from benchmarks import machine
from benchmarks.__main__ import DOCS
from benchmarks.failover.client import Caller
from benchmarks.failover.page import write
from benchmarks.failover.records import Row, Scorecard
from benchmarks.failover.scenarios import SCENARIOS, Scenario
from benchmarks.failover.settings import MODEL
from benchmarks.failover.show import Show
from benchmarks.failover.stage import Tell, against, ours
from benchmarks.soak.processes import Failed
from gateway import __version__

KEY: Final = "FAILOVER_API_KEY"
"""The variable with the key for another gateway, where it wants one."""

NAMES: Final = [scenario.name for scenario in SCENARIOS]


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    only: tuple[str, ...]
    file: Path | None
    publish: bool
    keep: Path | None
    url: str | None
    ports: tuple[int | None, int | None]
    model: str

    @property
    def scenarios(self) -> list[Scenario]:
        """What is to be played."""
        return [one for one in SCENARIOS if not self.only or one.name in self.only]

    def check(self) -> None:
        """Refuse what does not go together."""
        if (self.url is None) != (self.ports == (None, None)) or (
            self.url is not None and None in self.ports
        ):
            raise click.UsageError("--against, --primary-port and --secondary-port go together.")
        if self.publish and (self.only or self.url):
            raise click.UsageError("--write is for a whole run of this gateway.")


@click.command()
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(NAMES),
    metavar="NAME",
    help=f"This scenario; may be given again. There are: {', '.join(NAMES)}.",
)
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the scorecard as JSON too.",
)
@click.option("--write", "publish", is_flag=True, help="Write docs/failover.md.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where configuration and log of each gateway stay. Default: nowhere.",
)
@click.option("--against", "url", metavar="URL", help="Score the gateway that listens there.")
@click.option("--primary-port", type=click.IntRange(1, 65_535), help="Where it finds its primary.")
@click.option("--secondary-port", type=click.IntRange(1, 65_535), help="... and its fallback.")
@click.option("--model", default=MODEL, show_default=True, help="What it calls the model.")
def main(primary_port: int | None, secondary_port: int | None, **options: Any) -> None:
    """Show what a caller gets while a provider misbehaves, scenario by scenario.

    Two providers on loopback follow a script to the byte, the gateway stands before them as a
    process, OpenAI's own client asks it and tries nothing again. Of each scenario the scorecard
    tells what the caller got, when each provider was asked (in seconds since the call began), how
    long it took, and whether all bars were cleared; what was not is told below it. The exit code is
    1 where anything failed. All of it takes two minutes.

    \b
    Examples:
      python -m benchmarks.failover
      python -m benchmarks.failover --only cut-fin --only stalled --keep seen
      python -m benchmarks.failover --write                 docs/failover.md tells of it

    Another gateway is scored where it has been configured by hand: the model m with its one home
    at http://127.0.0.1:9101/v1, a fallback at http://127.0.0.1:9102/v1 for failures and for prompts
    that are too long, both speaking OpenAI's chat completions; two retries; 10 s for the first
    token and 3 s between events; three failures rest a provider for 3 s. It keeps what it learnt,
    so before each scenario both providers are well until its primary is trusted again. If it wants
    a key, that is taken from FAILOVER_API_KEY. The log and the names of models are not judged.

    \b
      python -m benchmarks.failover --against http://127.0.0.1:4000/v1 --model m \\
          --primary-port 9101 --secondary-port 9102
    """  # noqa: D301 (click's mark for lines that stay as they are)
    asked = Options(ports=(primary_port, secondary_port), **options)
    asked.check()
    show = Show()
    with show:
        card = score(asked, show.tell)
    show.table(card)
    if asked.file is not None:
        asked.file.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1))
        show.say(f"Written: {asked.file}")
    if asked.publish:
        show.say(f"Written: {write(card, DOCS)}")
    if card.passed < len(card.rows):
        sys.exit(1)


def score(asked: Options, tell: Tell) -> Scorecard:
    """Play it all. Raises `click.ClickException` where that cannot be done."""
    before, ticks, began = machine.describe(), machine.ticks(), time.monotonic()
    problem = ""
    with _folder(asked.keep) as folder:
        try:
            rows = trio.run(partial(_rows, asked, folder, tell))
        except* (Failed, OSError) as found:
            problem = str(_first(found))
    if problem:
        raise click.ClickException(problem)
    stolen = machine.stolen_share(ticks, machine.ticks())
    return Scorecard(
        version="" if asked.url else __version__,
        openai=openai.__version__,
        date=time.strftime("%Y-%m-%d"),
        machine=before,
        notices=machine.notices(before, stolen),
        seconds=round(time.monotonic() - began, 1),
        rows=rows,
    )


def _first(found: BaseException) -> BaseException:
    """Return one of those that came together."""
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


async def _rows(asked: Options, folder: Path, tell: Tell) -> list[Row]:
    if asked.url is None:
        return await ours(folder, asked.scenarios, tell)
    ports = [port for port in asked.ports if port is not None]
    caller = Caller(asked.url, asked.model, os.environ.get(KEY) or "none")
    return await against(caller, ports, asked.scenarios, tell)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Have a folder whose name is short enough for sockets; copy it to where it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    try:
        yield folder
    finally:
        if keep is not None:
            shutil.copytree(
                folder, keep, ignore=shutil.ignore_patterns("*.sock"), dirs_exist_ok=True
            )
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
