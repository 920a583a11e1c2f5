"""`python -m benchmarks.rolling`: two gateways behind nginx are restarted in turn, under load.

nginx runs with the configuration that we ship, and each gateway as the unit for systemd runs it:
with an admin, and with the `drain_delay` that goes with nginx's `keepalive_timeout`. It fails
where one call did, whatever the reason. Clients, nginx and gateways share the machine.
"""

import tempfile
from pathlib import Path
from typing import Final

import click
import trio
from rich.console import Console

from benchmarks.peers.nginx import find_nginx
from tests.callers import Callers, Said
from tests.nginx import nginx
from tests.pair import Instance, pair
from tests.process import free_port

RATE: Final = 200.0
ROUNDS: Final = 3
DRAIN_DELAY: Final = 12.0
BEFORE: Final = 2.0
"""Seconds of load before the first restart, and between two."""

CONFIG: Final = """\
[server]
drain_delay = {delay}
"""


def percentile(values: list[float], share: float) -> float:
    """Return the value below which such a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def milliseconds(calls: list[Said]) -> list[float]:
    """Return how long each call waited for its first word."""
    return [(said.first - said.began) * 1000 for said in calls]


async def restart_in_turn(two: tuple[Instance, Instance], rounds: int, console: Console) -> int:
    """Restart one after the other; return how many did not end with exit code 0."""
    ill = 0
    for number in range(1, rounds + 1):
        for name, each in zip(("first", "second"), two, strict=True):
            await trio.sleep(BEFORE)
            began = trio.current_time()
            code = await each.restart()
            ill += code != 0
            took = trio.current_time() - began
            console.print(f"round {number}: {name} restarted in {took:.1f} s, exit code {code}")
    await trio.sleep(BEFORE)
    return ill


def measure(rate: float, rounds: int, delay: float, console: Console) -> int:
    """Run it all; return the exit code."""
    program = find_nginx()
    if program is None:
        raise click.ClickException("nginx is not installed; `apt-get install nginx-light`")
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        place = Path(name, "nginx")
        place.mkdir()
        admins = [("--admin-port", str(free_port())) for _ in range(2)]
        with (
            pair(Path(name), CONFIG.format(delay=delay), *admins) as two,
            nginx(program, place, two[0].port, second_port=two[1].port) as front,
        ):
            callers = Callers(front.connect)
            ill, took = trio.run(under_load, callers, rate, two, rounds, console)
    return tell(callers, took, ill, console)


async def under_load(
    callers: Callers, rate: float, two: tuple[Instance, Instance], rounds: int, console: Console
) -> tuple[int, float]:
    """Restart both while calls begin; return how many ended badly, and the seconds of load."""
    over = trio.Event()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(callers.begin, rate, over)
        ill = await restart_in_turn(two, rounds, console)
        over.set()
    return ill, trio.current_time() - began


def tell(callers: Callers, took: float, ill: int, console: Console) -> int:
    """Print what came of it; return the exit code."""
    calls, faults = callers.calls, callers.faults()
    whole = [said for said in calls if not said.fault]
    waited = milliseconds(whole) or [0.0]
    for what, value in (
        ("calls", f"{len(calls):,}, {len(calls) / took:.0f} a second"),
        ("failed", f"{faults.total()} {dict(faults) or ''}".rstrip()),
        ("gateways that did not end well", str(ill)),
        ("first word, median", f"{percentile(waited, 0.5):.0f} ms"),
        ("first word, 99 %", f"{percentile(waited, 0.99):.0f} ms"),
        ("first word, the latest", f"{max(waited):.0f} ms"),
    ):
        console.print(f"{what:32} {value}")
    return 1 if faults or ill else 0


@click.command()
@click.option("--rate", default=RATE, show_default=True, help="New calls in a second.")
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1, 100))
@click.option("--delay", default=DRAIN_DELAY, show_default=True, help="`drain_delay` of both.")
def main(rate: float, rounds: int, delay: float) -> None:
    """Restart two gateways behind nginx in turn, and see that no call fails."""
    raise SystemExit(measure(rate, rounds, delay, Console(highlight=False)))


if __name__ == "__main__":
    main()
