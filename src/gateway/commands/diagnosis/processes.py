"""The gateways that run on this machine: do their workers answer, are they of one version, is the
admin found, and what do they themselves know to be wrong.
"""

import errno
import os
import re
import socket
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import trio

from gateway import __version__
from gateway.admin import token_file
from gateway.admin.health.checkup import look
from gateway.admin.health.settings import Places
from gateway.admin.workers import Answer, Workers, sockets, supervisors
from gateway.commands.asking import Site, Unanswered
from gateway.commands.diagnosis.verdict import Verdict, counted, fail, ok, skipped, warn

ADMIN_TIMEOUT: Final = 1.5
MOST_TOLD: Final = 12

RESTART: Final = "Restart it (systemctl restart), so that what is installed is what runs."
STALE: Final = "It was killed: remove the file, or start it again."
ASK: Final = "`gateway top` and the operator's page show more."

_OWNER: Final = re.compile(r"([0-9]{1,10})\.admin")


async def processes(folders: Sequence[Path]) -> list[Verdict]:
    """Ask all gateways that this user may ask."""
    found: list[Verdict] = []
    living: set[int] = set()
    for folder in folders:
        alive = supervisors(folder)
        living |= set(alive)
        for supervisor in alive:
            answers = await Workers(folder, supervisor).ask({"ask": "gauges"})
            paths = [path for owner, _, path in sockets(folder) if owner == supervisor]
            expected = sum(map(has_listener, paths))
            found += judge_workers(supervisor, answers, expected)
        found += [await admin_at(path, living) for path in _token_files(folder)]
    if not found:
        where = ", ".join(map(str, folders)) or "no folder that is yours"
        return [skipped("workers", f"no gateway that you may ask runs here (looked in {where})")]
    return found


def has_listener(path: Path) -> bool:
    """Say whether a worker has this socket; one that was killed has left only its name."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        return probe.connect_ex(os.fspath(path)) not in {errno.ECONNREFUSED, errno.ENOENT}


def judge_workers(supervisor: int, answers: Sequence[Answer], expected: int) -> list[Verdict]:
    """Judge one gateway by what its workers answer."""
    name = f"gateway {supervisor}"
    if len(answers) < expected:
        seen = f"{len(answers)} of {counted(expected, 'worker')} answered"
        found = [fail(name, seen, "One hangs or has just ended: look at its log.")]
    else:
        found = [ok(name, f"{counted(len(answers), 'worker')}, all of them answered")]
    versions = sorted({str(answer.get("version", "")) for answer in answers})
    if versions and versions != [__version__]:
        seen = f"runs {', '.join(versions)}, and {__version__} is installed"
        found.append(warn(name, seen, RESTART))
    problems = look(answers, (), Places(), {}).problems[:MOST_TOLD]
    return found + [warn(name, problem, ASK) for problem in problems]


def _token_files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"*{token_file.SUFFIX}"))[:MOST_TOLD]
    except OSError:
        return []  # a folder that cannot be looked into has none for us


async def admin_at(path: Path, living: Collection[int]) -> Verdict:
    """Ask the admin that has left this file. `living` are the pids of gateways that answer."""
    owner = _OWNER.fullmatch(path.name)
    if owner is None or int(owner[1]) not in living:
        return warn("admin", f"{path} is left over", STALE)
    said = token_file.read(path)
    if said is None:
        remedy = "It must be the gateway's own and for its user alone, mode 0600: restart it."
        return warn("admin", f"{path} cannot be read, or is not to be believed", remedy)
    try:
        with trio.fail_after(ADMIN_TIMEOUT):
            workers = await Site(said.url, said.token).tree(0)
    except Unanswered as error:
        return fail("admin", str(error), "Is its process alive? Its log says more.")
    except trio.TooSlowError:
        seen = f"{said.url} did not answer within {ADMIN_TIMEOUT:g} seconds"
        return fail("admin", seen, "Is its process alive? Its log says more.")
    return ok("admin", f"{said.url} opens, and sees {counted(len(workers), 'worker')}")
