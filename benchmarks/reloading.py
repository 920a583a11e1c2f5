"""`python -m benchmarks.reloading`: the configuration changes again and again under open streams.

Two workers hold the streams. Each time the file is written and the admin is asked to reload, until
all workers follow; then a new call asks for a model that only the new file has. It fails where one
stream broke, one call was not answered, or one worker did not follow.
"""

import json
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any, Final

import click

from benchmarks.__main__ import default_cache
from benchmarks.load import Held, LoadFailed, Tools, Upstream, allow_open_files, build
from benchmarks.overload import Failed, serving
from benchmarks.wire.build import NotBuilt

STREAMS: Final = 500
RELOADS: Final = 20
EVENTS_PER_SECOND: Final = 10.0
LONGEST: Final = 600.0
PAUSE: Final = 0.5
"""Seconds between two reloads, so that the streams show what one did to them."""

ADMIN_PORT: Final = 4982
KEY: Final = "the-operators-key-of-a-benchmark"

CONFIG: Final = """\
[server]
workers = 2

[admin]
port = {admin}
key = "{key}"

[providers.up]
kind = "openai"
base_url = "{url}/v1"
models = ["m", "m-{number}"]
max_connections = 10000
timeouts = {{ idle = 3600, total = 3600 }}
"""


def ask(url: str, body: object) -> dict[str, Any]:
    """Post JSON, and return the JSON that is answered."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 (ours)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, Any] = json.loads(answer.read())
    return found


def reload(number: int) -> float:
    """Have the gateway reload; return how long it took until all workers followed."""
    began = time.perf_counter()
    told = ask(f"http://127.0.0.1:{ADMIN_PORT}/api/reload", {})
    took = time.perf_counter() - began
    if not all(told["follows"].values()):
        raise Failed(f"reload {number}: not all workers follow: {told['follows']}")
    return took


def measure(tools: Tools, streams: int, reloads: int) -> None:
    """Open so many streams, reload so often, and look at what became of the streams."""
    with (
        tempfile.TemporaryDirectory(prefix="gateway-") as name,
        Upstream(tools) as upstream,
        serving(Path(name), text(upstream.url, 0)) as (_, url),
    ):
        options = {
            "--streams": streams, "--ramp": streams / 200, "--seconds": LONGEST,
            "--events-per-second": EVENTS_PER_SECOND,
        }  # fmt: skip
        words = [word for option, value in options.items() for word in (option, f"{value:g}")]
        took: list[float] = []
        with Held(tools, None, "--target", url, "hold", *words) as held:
            if held.open != streams:
                raise Failed(f"{held.open} of {streams} streams are open: {held.first_error}")
            for number in range(1, reloads + 1):
                (Path(name) / "gateway.toml").write_text(text(upstream.url, number))
                took.append(reload(number))
                message = {"role": "user", "content": "hello"}
                asked = {"model": f"m-{number}", "messages": [message]}
                ask(f"{url}/v1/chat/completions", asked)
                time.sleep(PAUSE)
        if held.report["errors"]:
            raise Failed(f"{held.report['errors']} broken: {held.report['first_error']}")
        for what, value in (
            ("streams that were open", f"{streams:,}"),
            ("of these broken", f"{held.report['errors']}"),
            ("reloads", f"{reloads}"),
            ("until all workers followed", f"{median(took) * 1000:.0f} ms in the median"),
            ("the longest", f"{max(took) * 1000:.0f} ms"),
        ):
            click.echo(f"{what:38} {value}")


def text(url: str, number: int) -> str:
    """Return a configuration that no other number has."""
    return CONFIG.format(admin=ADMIN_PORT, key=KEY, url=url, number=number)


@click.command()
@click.option("--streams", default=STREAMS, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--reloads", default=RELOADS, show_default=True, type=click.IntRange(1, 1_000))
@click.option("--cache", type=click.Path(path_type=Path), help="Where the load tools are kept.")
def main(streams: int, reloads: int, cache: Path | None) -> None:
    """Change the configuration under open streams; a broken one is exit code 1."""
    allow_open_files()
    try:
        measure(build(cache or default_cache()), streams, reloads)
    except (Failed, LoadFailed, NotBuilt) as failure:
        raise click.ClickException(str(failure)) from None


if __name__ == "__main__":
    main()
