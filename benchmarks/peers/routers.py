"""The two routers in Rust, from PyPI: vllm-router and sglang-router."""

from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.peers.install import environment
from benchmarks.peers.peer import Command, Missing, Peer, Place, Ready, Say
from benchmarks.peers.ports import free_port


def prepare(package: str, cache: Path, say: Say) -> Ready | Missing:
    return environment(cache / package, package, [package], say)


def command(module: str, ready: Ready, place: Place) -> Command:
    arguments = {
        "--host": "127.0.0.1",
        "--port": str(place.port),
        "--worker-urls": f"http://127.0.0.1:{place.upstream_port}",
        "--policy": "round_robin",
        "--prometheus-host": "127.0.0.1",
        "--prometheus-port": str(free_port()),
    }
    flat = [text for pair in arguments.items() for text in pair]
    return Command((str(ready.folder / "bin/python"), "-m", module, *flat))


SETTINGS: Final = (
    "One worker URL, `--policy round_robin`, all else as it comes: retries, health checks and"
    " metrics are on, and so is what it logs by default, to a file. Its thread pool counts the"
    " cores it may use, and finds one."
)

VLLM: Final = Peer(
    name="vllm-router",
    title="vllm-router",
    settings=SETTINGS,
    prepare=partial(prepare, "vllm-router"),
    command=partial(command, "vllm_router.launch_router"),
)

SGLANG: Final = Peer(
    name="sglang-router",
    title="sglang-router",
    settings=SETTINGS,
    prepare=partial(prepare, "sglang-router"),
    command=partial(command, "sglang_router.launch_router"),
)
