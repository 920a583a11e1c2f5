"""This project, built as a wheel and installed as users have it: with one worker, and with two."""

import hashlib
import subprocess
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.peers.install import environment
from benchmarks.peers.peer import MODEL, Command, Missing, Peer, Place, Ready, Say

ROOT: Final = Path(__file__).parents[2]

CONFIG: Final = """\
[server]
host = "127.0.0.1"
port = {port}

[providers.bench]
kind = "openai"
base_url = "{upstream}"
models = ["{model}"]
max_connections = 16000
"""


def fingerprint() -> str:
    """Return a digest of what goes into the wheel, so that a change is installed again."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes())
    for path in sorted((ROOT / "src").rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def prepare(cache: Path, say: Say) -> Ready | Missing:
    return environment(cache / "gateway", "nursery-gateway", [str(ROOT)], say, fingerprint())


def prepare_workers(cache: Path, say: Say) -> Ready | Missing:
    ready = prepare(cache, say)
    if isinstance(ready, Missing):
        return ready
    program = str(ready.folder / "bin/gateway")
    said = subprocess.run([program, "serve", "--help"], capture_output=True, text=True, check=True)
    return ready if "--workers" in said.stdout else Missing("`gateway serve` has no `--workers`")


def command(workers: int, ready: Ready, place: Place) -> Command:
    path = place.folder / "gateway.toml"
    text = CONFIG.format(port=place.port, upstream=place.upstream, model=MODEL)
    path.write_text(text)
    more = ("--workers", str(workers)) if workers > 1 else ()
    return Command((str(ready.folder / "bin/gateway"), "serve", "--config", str(path), *more))


PEER: Final = Peer(
    name="gateway",
    title="nursery-gateway",
    settings=(
        "The wheel of this source; one provider of the kind `openai` with `max_connections ="
        " 16000`, since the default of 1,000 would end the scenario of 5,000 streams; all else as"
        " it comes. Each request has its receipt and its line of JSON in the access log, which goes"
        " to a file."
    ),
    prepare=prepare,
    command=partial(command, 1),
)

ONE_WORKER: Final = Peer(
    name="one-worker",
    title="one worker, two cores",
    settings="The same, free to run on two cores: what two workers are compared with.",
    prepare=prepare,
    command=partial(command, 1),
    cores=2,
    only=frozenset({"workers"}),
)

TWO_WORKERS: Final = Peer(
    name="two-workers",
    title="two workers, two cores",
    settings="The same with `--workers 2`; the load tools share one of the two cores.",
    prepare=prepare_workers,
    command=partial(command, 2),
    cores=2,
    only=frozenset({"workers"}),
)
