"""A supervisor whose workers only do as they are told.

`python -m tests.supervised BIRTHS PATIENCE WORK...`: each word at the end is what one generation
of workers does; the last holds for all that follow. Words that begin with + are for the process
beside the workers, which is there only if there are such. Pids go to the files BIRTHS.NUMBER. It
says on stdout when all are ready, and its log is on stderr.
"""

import os
import select
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gateway.drain import DRAIN, LEAVING, READY, STOP, Post
from gateway.places import Beside, Sockets
from gateway.supervisor import NotStarted, Supervisor
from gateway.telemetry.lines import json_lines
from gateway.telemetry.voice import Voice

WORKERS = 2


def good(post: Post) -> None:
    """Serve until told to end."""
    post.tell(READY)
    hear(post)


def hear(post: Post) -> bytes:
    """Wait for a word from the supervisor, or for its end."""
    waiting = select.poll()
    waiting.register(post.lifeline, select.POLLIN)
    waiting.poll()
    return post.lifeline.recv(64)


def leaving(post: Post) -> None:
    """Begin to drain of its own accord, and never end."""
    post.tell(READY)
    post.tell(LEAVING)
    while hear(post) in {DRAIN, STOP}:
        pass


def deaf(post: Post) -> None:
    """Serve, and never end unless the supervisor is no more."""
    post.tell(READY)
    while hear(post):
        pass


def stillborn(post: Post) -> None:
    """Fail before it serves."""
    raise RuntimeError(f"no worker {post.number}")


def lame(post: Post) -> None:
    """Serve, and fail when told to end."""
    good(post)
    raise RuntimeError("not like this")


def short(post: Post) -> None:
    """Serve for no time at all."""
    post.tell(READY)


WORKS = {work.__name__: work for work in (good, leaving, deaf, stillborn, lame, short)}


def work(generations: Sequence[str], births: Path, post: Post, _: Sockets) -> None:
    """Do what this generation does; each place has its own file of births."""
    with births.with_suffix(f".{post.number}").open("a") as file:
        file.write(f"{os.getpid()}\n")
        file.flush()
        born = len(Path(file.name).read_text().splitlines())
    WORKS[generations[min(born, len(generations)) - 1]](post)


def ready(pids: Sequence[int]) -> None:
    """Say that all serve."""
    sys.stdout.write(f"ready {len(pids)}\n")
    sys.stdout.flush()


def main() -> None:
    """Supervise."""
    births, patience, *words = sys.argv[1:]
    generations = [word for word in words if word[0] != "+"]
    others = [word[1:] for word in words if word[0] == "+"]
    beside = Beside("admin", (), partial(work, others, Path(births)))
    turns = os.memfd_create("turns")
    voice = Voice(2, json_lines(), "debug", time.time_ns, turns)
    supervisor = Supervisor(
        [()] * WORKERS,
        partial(work, generations, Path(births)),
        voice,
        time.monotonic,
        float(patience),
        beside if others else None,
    )
    try:
        sys.exit(supervisor.run(ready))
    except NotStarted as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
