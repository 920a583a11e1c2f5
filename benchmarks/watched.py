"""`python -m benchmarks.watched`: what the operator's page costs the workers while it is open.

A thousand streams pass through one worker. In turns a browser shows the Live page, and nobody does;
what the worker needs of a processor more in the one than in the other is what the page costs. The
page itself is asked how long it takes to draw what it was told, and whether it still hears a click.
It needs Debian's Chromium and the package `playwright`.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import click
from playwright.sync_api import Page, sync_playwright

from benchmarks.__main__ import default_cache
from benchmarks.load import Held, LoadFailed, Tools, Upstream, allow_open_files, build
from benchmarks.machine import cpu_seconds
from benchmarks.overload import Failed, serving
from benchmarks.wire.build import NotBuilt

BAR: Final = 0.03
"""What the page may cost at most, as a part of one processor."""

CHROMIUM: Final = "/usr/bin/chromium"
KEY: Final = "the-operators-key-of-a-benchmark"
ADMIN_PORT: Final = 4981
SETTLE: Final = 1.0

CONFIG: Final = """\
[server]
max_calls = {most}
max_connections = {most}

[admin]
port = {admin}
key = "{key}"

[providers.up]
kind = "openai"
base_url = "{url}/v1"
models = ["m"]
max_connections = {most}
timeouts = {{ idle = 3600, total = 3600 }}
"""

COUNT_LONG_TASKS: Final = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({ type: "longtask", buffered: true });
"""

NEXT_FRAME: Final = """() => new Promise((done) => {
  const began = performance.now();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""


def worker_of(pid: int) -> int:
    """Return the pid of the one worker of a gateway that has an admin too."""
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    named = {int(child): Path(f"/proc/{child}/comm").read_text().strip() for child in told}
    (worker,) = [child for child, name in named.items() if name != "gateway-admin"]
    return worker


@contextmanager
def browser() -> Iterator[Page]:
    """Run a browser that has signed in."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(COUNT_LONG_TASKS)
        page.goto(f"http://127.0.0.1:{ADMIN_PORT}/sign-in")
        page.fill("#credential", KEY)
        page.keyboard.press("Enter")
        page.wait_for_url("**/live")
        try:
            yield page
        finally:
            chromium.close()


def share(pid: int, seconds: float) -> float:
    """Return what a process needs of one processor."""
    began, worked = time.perf_counter(), cpu_seconds([pid])
    time.sleep(seconds)
    return (cpu_seconds([pid]) - worked) / (time.perf_counter() - began)


def turns(page: Page, pid: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure with the page and without it, in turns."""
    shares: dict[str, list[float]] = {"open": [], "closed": []}
    frames: list[float] = []
    longest = 0.0
    for _ in range(rounds):
        for state, address in (
            ("closed", "about:blank"),
            ("open", f"http://127.0.0.1:{ADMIN_PORT}/live"),
        ):
            page.goto(address)
            time.sleep(SETTLE)
            shares[state].append(share(pid, seconds))
            if state == "open":
                frames.append(page.evaluate(NEXT_FRAME))
                longest = max(longest, page.evaluate("window.longest"))
                shown = page.locator("[data-call]").count()
    return {"shares": shares, "frame_ms": max(frames), "longest_ms": longest, "shown": shown}


def measure(tools: Tools, streams: int, rate: float, rounds: int, seconds: float) -> float:
    """Return what the page costs, as a part of one processor."""
    with (
        tempfile.TemporaryDirectory(prefix="gateway-") as name,
        Upstream(tools) as upstream,
        serving(
            Path(name),
            CONFIG.format(url=upstream.url, most=streams + 100, admin=ADMIN_PORT, key=KEY),
        ) as (pid, url),
    ):
        worker = worker_of(pid)
        options = {
            "--streams": streams, "--ramp": streams / 500, "--seconds": 400,
            "--events-per-second": rate,
        }  # fmt: skip
        words = [word for option, value in options.items() for word in (option, f"{value:g}")]
        with Held(tools, None, "--target", url, "hold", *words) as held, browser() as page:
            if held.open != streams:
                raise Failed(f"{held.open} of {streams} streams are open: {held.first_error}")
            found = turns(page, worker, rounds, seconds)
    shares: dict[str, list[float]] = found["shares"]
    pairs = [one - other for one, other in zip(shares["open"], shares["closed"], strict=True)]
    for what, value in (
        ("streams, events a second of each", f"{streams:,}, {rate:g}"),
        ("calls that the page shows", f"{found['shown']:,}"),
        ("worker's share of a processor, page closed", f"{median(shares['closed']):.1%}"),
        ("worker's share of a processor, page open", f"{median(shares['open']):.1%}"),
        ("what the page costs, in each round", json.dumps([f"{pair:.1%}" for pair in pairs])),
        ("what the page costs, median", f"{median(pairs):.2%}"),
        ("the page's longest task", f"{found['longest_ms']:.0f} ms"),
        ("until the page hears a click", f"{found['frame_ms']:.0f} ms"),
    ):
        click.echo(f"{what:44} {value}")
    return float(median(pairs))


@click.command()
@click.option("--streams", default=1_000, show_default=True, type=click.IntRange(1, 5_000))
@click.option("--rate", default=2.0, show_default=True, help="Events a second of each stream.")
@click.option("--rounds", default=6, show_default=True, type=click.IntRange(1, 20))
@click.option("--seconds", default=6.0, show_default=True, help="Of each turn.")
@click.option("--cache", type=click.Path(path_type=Path), help="Where the load tools are kept.")
def main(streams: int, rate: float, rounds: int, seconds: float, cache: Path | None) -> None:
    """Measure what the operator's page costs the workers while it is open."""
    allow_open_files()
    try:
        cost = measure(build(cache or default_cache()), streams, rate, rounds, seconds)
    except (NotBuilt, LoadFailed) as error:
        raise Failed(str(error)) from None
    if cost > BAR:
        raise Failed(f"the page costs {cost:.1%} of a processor, {BAR:.0%} are allowed")


if __name__ == "__main__":
    main()
