"""`gateway top`: the live tree of all workers, and a way to cancel a call."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
import trio
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from gateway.commands.asking import Asked, Unanswered, asked
from gateway.downstream.drawing import draw, draw_rests, draw_tree
from gateway.downstream.live import MOST_CONNECTIONS
from gateway.downstream.questions import CONNECTIONS

INTERVAL = 1.0
"""Seconds between two looks."""

SOME_ROOM = 3
"""Lines that a terminal keeps for itself."""


@click.command("top")
@click.option("--cancel", "call", metavar="ID", help="Cancel this call; its client is told.")
@click.option("--once", is_flag=True, help="Show it once. So it is where nobody looks on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option(
    "--limit",
    type=click.IntRange(0, MOST_CONNECTIONS),
    default=CONNECTIONS,
    show_default=True,
    help="Connections of each worker that are shown, those with calls first.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where the control sockets are. Default: where `serve` would put them, and"
    " /run/nursery-gateway.",
)
@click.option(
    "--url", help="Ask the admin at this address, with the token it left or GATEWAY_ADMIN_KEY."
)
def command(
    *,
    call: str | None,
    once: bool,
    as_json: bool,
    limit: int,
    folder: Path | None,
    url: str | None,
) -> None:
    """Show what is open now: process, connection, call, attempt, upstream.

    Each with its age, its phase and what it waits for. Below stand the homes and keys that are
    left alone after failures, for how long, and by which workers. It asks the workers through
    their private control sockets, so it sees the gateways of this user alone; root sees all in
    --folder. Nothing of a prompt or an answer is shown. On a terminal it looks again each second,
    until Ctrl-C.

    \b
    Examples:
      gateway top
      gateway top --once --limit 20
      gateway top --cancel req_5f0c2a9be1d34c7788a1b2c3
      GATEWAY_ADMIN_KEY=... gateway top --url http://127.0.0.1:4001
    """  # noqa: D301 (click's mark for lines that stay as they are)
    console = Console(highlight=False, markup=False, emoji=False)
    try:
        whom = asked(url, folder)
        if call is not None:
            cancel(trio.run(whom.cancel, call), call)
        elif as_json:
            workers = trio.run(whom.tree, limit)
            click.echo(msgspec.json.format(msgspec.json.encode({"workers": workers})))
        elif once or not console.is_terminal:
            for line in draw(trio.run(whom.tree, limit)):
                click.echo(line)
        else:
            watch(whom, limit, console)
    except Unanswered as error:
        raise click.ClickException(str(error)) from None


def cancel(cancelled: int, call: str) -> None:
    """Say what became of it."""
    if not cancelled:
        raise click.ClickException(
            f"No open call has the id {call}: it has ended, or never was. `gateway top` shows them."
        )
    calls = "1 call" if cancelled == 1 else f"{cancelled} calls"
    click.echo(f"{calls} cancelled: {call}")


def watch(whom: Asked, limit: int, console: Console) -> None:
    """Show the tree again and again, until interrupted."""

    async def run(live: Live) -> None:
        while True:
            try:
                workers = await whom.tree(limit)
            except Unanswered as error:
                shown = screen([str(error)], (), console.height)  # it may come back
            else:
                tree, rests = list(draw_tree(workers)), list(draw_rests(workers))
                shown = screen(tree, rests, console.height)
            live.update(shown, refresh=True)
            await trio.sleep(INTERVAL)

    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            trio.run(run, live)
    except* KeyboardInterrupt:
        pass


def screen(tree: Sequence[str], rests: Sequence[str], height: int) -> Group:
    """Return what fits a terminal of so many lines; what does not is counted.

    What rests has a third of it at most, unless the tree leaves more.
    """
    room = max(1, height - SOME_ROOM)
    for_rests = min(len(rests), max(room // 3, room - len(tree)))
    texts = [*_fitting(tree, room - for_rests), *_fitting(rests, for_rests)]
    texts.append(Text("Ctrl-C ends · gateway top --cancel ID cancels a call", "dim"))
    return Group(*texts)


def _fitting(lines: Sequence[str], room: int) -> list[Text]:
    shown = lines if len(lines) <= room else lines[: max(room - 1, 0)]
    texts = [styled(line) for line in shown]
    if room and len(shown) < len(lines):
        texts.append(Text(f"… {len(lines) - len(shown):,} lines more", "dim"))
    return texts


def styled(line: str) -> Text:
    """Return a line that is cut where the terminal ends, and stands out where it is a worker's."""
    style = "bold" if line.startswith("worker ") else ""
    return Text(line, style, no_wrap=True, overflow="ellipsis")
