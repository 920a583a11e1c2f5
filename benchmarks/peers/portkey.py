"""Portkey's gateway on Node, from npm."""

import shutil
from pathlib import Path
from typing import Final

from benchmarks.peers.install import node_modules
from benchmarks.peers.peer import Command, Missing, Peer, Place, Ready, Say

PACKAGE: Final = "@portkey-ai/gateway"
PROGRAM: Final = f"node_modules/{PACKAGE}/build/start-server.js"

# With a newer one each stream is a 500 ("TypeError: immutable"): from 1.14 on the headers of an
# answer made from another answer cannot be added to.
OVERRIDES: Final = {"@hono/node-server": "1.13.8"}


def prepare(cache: Path, say: Say) -> Ready | Missing:
    return node_modules(cache / "portkey", PACKAGE, OVERRIDES, say)


def command(ready: Ready, place: Place) -> Command:
    node = shutil.which("node") or "node"
    program = str(ready.folder / PROGRAM)
    environ = {"NODE_ENV": "production"}
    return Command((node, program, f"--port={place.port}", "--headless"), environ)


def headers(place: Place) -> dict[str, str]:
    return {
        "authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": place.upstream,
    }


PEER: Final = Peer(
    name="portkey",
    title="Portkey",
    settings=(
        "`--headless`, `NODE_ENV=production`; the provider is named by headers in each request. It"
        " writes no access log. It waits 25 ms before the first event of each stream, by its own"
        " code. `@hono/node-server` is held at 1.13.8: with the newer"
        " ones that npm would choose, every stream is answered with status 500."
    ),
    prepare=prepare,
    command=command,
    headers=headers,
)
