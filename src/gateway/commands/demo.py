"""`gateway demo`: clients leave in every phase of a call; what is left of it is measured."""

import json
import os
import platform
import sys
from dataclasses import dataclass
from typing import Any, Final

import click
import trio
from rich.console import Console
from rich.text import Text

from gateway import __version__
from gateway.commands.demonstration import lines
from gateway.commands.demonstration.figures import Figures
from gateway.commands.demonstration.probe import Waiting
from gateway.commands.demonstration.scenes import SCENES
from gateway.commands.demonstration.show import Lines, LiveTable, Silent, tell_problems
from gateway.commands.demonstration.stage import Asking, Unreached, play_against, play_own
from gateway.commands.demonstration.upstream import LOOPBACK, Upstream
from gateway.commands.demonstration.wire import Address
from gateway.forms.http import check_header
from gateway.providers.address import parse_base_url
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret

KEY_VARIABLE: Final = "GATEWAY_DEMO_KEY"
UPSTREAM_PORT = 4010
MAX_RUNS = 1000

OWN: Final = """\
{runs} calls in each of {phases} phases; the clients leave by FIN, RST and half-close in turn.
The gateway, a scripted upstream and the clients share this process and talk over loopback sockets,
so the gateway's tasks are counted in Trio's own tree, its sockets among the open descriptors.
Measured now with {machine}.
"""

AGAINST: Final = """\
The scripted upstream listens on {base_url} and speaks OpenAI's chat completions.
Let the gateway at {url} ask it for the model {model}, with any key.
For `gateway serve` that is:

  [providers.demo]
  kind = "openai"
  base_url = "{base_url}"
  models = ["{model}"]

Waiting until a call comes through, {wait:g} seconds at most ...
"""

UNREACHED: Final = """\
{url} did not ask the upstream at {base_url} for {model}: {said}.
Is it running, is {base_url} its base_url for that model, does it want a key ({variable})?"""

positive = click.FloatRange(0, min_open=True)


@dataclass(frozen=True, slots=True)
class Wish:
    """The options."""

    runs: int
    within: float
    patience: float
    against: str | None
    model: str | None
    upstream_port: int
    wait: float
    as_json: bool

    @property
    def asking(self) -> Asking:
        """What is asked of a gateway."""
        return Asking(self.runs, self.within / 1000, self.patience)


@click.command("demo")
@click.option(
    "--runs",
    type=click.IntRange(1, MAX_RUNS),
    default=21,
    show_default=True,
    help="Calls in each phase; they leave by FIN, RST and half-close in turn.",
)
@click.option(
    "--within",
    type=positive,
    default=50,
    show_default=True,
    metavar="MS",
    help="Milliseconds in which the upstream must be closed and nothing be left.",
)
@click.option(
    "--patience",
    type=positive,
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="What is not closed by then is said never to be.",
)
@click.option("--against", metavar="URL", help="Another gateway's base URL, with its /v1.")
@click.option("--model", metavar="NAME", help="The model to ask that gateway for.")
@click.option(
    "--upstream-port",
    type=click.IntRange(1, 65_535),
    default=UPSTREAM_PORT,
    show_default=True,
    help="Where the upstream listens for that gateway, on loopback alone.",
)
@click.option(
    "--wait",
    type=positive,
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="For that gateway to ask the upstream for the first time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def command(**given: Any) -> None:
    """Show what becomes of a call when its client leaves, in every phase, measured now.

    Clients leave while their request arrives, while the gateway connects, waits for the first
    byte, streams, or is stuck in a write. Each line says how much later the upstream saw its own
    socket closed (median and worst), which of the call's tasks and sockets were left, and how many
    receipts it had. The exit code is 1 if an upstream was not closed in time, if anything was left,
    or if there was not exactly one receipt. A call in which other programs kept this one from the
    CPU is made again, and that is told.

    With --against the same is done to any gateway, as far as it can be seen from outside. Its
    calls go to the demo's own upstream, on 127.0.0.1: no provider is asked and nothing is spent.
    Three calls are open at a time, and in one phase each is sent up to 32 MB that nobody reads. The
    URL may be any that is yours to try; a key for it is taken from GATEWAY_DEMO_KEY and sent there
    alone.

    \b
    Examples:
      gateway demo
      gateway demo --runs 300 --within 5
      gateway demo --json | jq '.phases[] | {phase, closed_ms}'
      gateway demo --against http://127.0.0.1:4000/v1 --model demo
      GATEWAY_DEMO_KEY=sk-... gateway demo --against https://gateway.lan/v1 --model demo
    """  # noqa: D301 (click's mark for lines that stay as they are)
    wish = Wish(**given)
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    run = _own if wish.against is None else _against
    interrupted = unread = False
    try:
        found = run(wish, console)
    except* KeyboardInterrupt:
        interrupted = True
    except* SystemExit:  # so ends a console whose reader has gone
        unread = True
    if interrupted:
        raise click.Abort
    if unread:
        sys.exit(1)
    _conclude(found, wish, console)


def _own(wish: Wish, console: Console) -> list[Figures]:
    if wish.model is not None:
        raise click.UsageError("--model is for --against: say which gateway.")
    if not wish.as_json:
        console.print(OWN.format(runs=wish.runs, phases=len(SCENES), machine=machine()))
    # What ends well is not logged here; a bug would be.
    with open_log(LogOptions(), sys.stderr, "warning") as log, _watch(wish, console) as watch:
        try:
            return trio.run(play_own, wish.asking, log, watch)
        except OSError as error:
            raise click.ClickException(f"Cannot listen on {LOOPBACK}: {error}.") from None


def _against(wish: Wish, console: Console) -> list[Figures]:
    address, model = _address(wish), wish.model
    if not model:
        raise click.UsageError("--against needs --model: the name to ask that gateway for.")
    base_url = f"http://{LOOPBACK}:{wish.upstream_port}/v1"
    told = {"base_url": base_url, "url": address.url, "model": model}
    click.echo(AGAINST.format(**told, wait=wish.wait), err=wish.as_json)

    waiting = Waiting(wish.wait)

    async def play(watch: Silent | LiveTable) -> list[Figures]:
        upstream = Upstream(wish.upstream_port, model)
        return await play_against(upstream, address, model, wish.asking, waiting, watch)

    with _watch(wish, console) as watch:
        try:
            return trio.run(play, watch)
        except OSError as error:
            text = f"Cannot listen on {base_url}: {error}. Try another --upstream-port."
            raise click.ClickException(text) from None
        except Unreached as error:
            text = UNREACHED.format(**told, said=error, variable=KEY_VARIABLE)
            raise click.ClickException(text) from None


def _address(wish: Wish) -> Address:
    try:
        origin, path = parse_base_url(wish.against or "")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--against") from None
    key = os.environ.get(KEY_VARIABLE, "").strip()
    try:
        check_header(b"authorization", key.encode("ascii"))
    except ValueError:
        raise click.UsageError(f"{KEY_VARIABLE} holds a character that no key has.") from None
    return Address(origin, path or "/v1", Secret(key) if key else None)


def _watch(wish: Wish, console: Console) -> Silent | LiveTable:
    if wish.as_json:
        return Silent()
    return LiveTable(console) if console.is_terminal else Lines(console)


def _conclude(found: list[Figures], wish: Wish, console: Console) -> None:
    within = wish.asking.within
    kept = not any(figures.problems() for figures in found)
    if wish.as_json:
        click.echo(json.dumps({"machine": machine(), **lines.as_object(found, within)}, indent=2))
    else:
        console.print()
        tell_problems(console, found)
        style = "bold green" if kept else "bold red"
        for line in lines.verdict(found, within):
            console.print(Text(line, style))
    if not kept:
        sys.exit(1)


def machine() -> str:
    """Say with what was measured."""
    parts = (
        f"nursery-gateway {__version__}",
        f"Python {platform.python_version()}",
        f"Trio {trio.__version__}",
        f"{platform.system()} {platform.machine()}",
        f"{os.cpu_count()} CPUs",
    )
    return ", ".join(parts)
