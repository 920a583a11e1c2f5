"""A real server of PostgreSQL's, started once for all tests that want it, on a Unix socket.

PostgreSQL does not run as root: then it runs as `nobody`, who gets links to the wheel's files in a
folder of its own, since the way to the wheel may be closed to it.
"""

import atexit
import itertools
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg

from gateway.store.places import PostgresPlace, parse_server
from tests.conftest import find
from tests.process import children

OWNER = "gateway"
LOCKED, PASSWORD = "locked", "a-password-for-tests"
"""Who has to show a password; all others are trusted."""
SOMEBODY = "nobody"
PORT = 5432
START_TIMEOUT = 20.0
POLL = 0.005
ENVIRON = {"PATH": os.defpath, "LC_ALL": "C"}
QUICK = ("-c", "fsync=off", "-c", "log_min_messages=fatal")


class RealPostgres:
    """A server's process, and databases of it for whoever wants one."""

    def __init__(self, folder: Path) -> None:
        """Make it ready in a folder of its own; it is not started yet."""
        self.folder = folder
        self._programs = folder / "pgserver/pginstall/bin"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        package = Path(find("pgserver")).parent
        for name in ("pgserver/pginstall", "pgserver.libs"):
            # The programs find their libraries by the way from one to the other.
            shutil.copytree(package.parent / name, folder / name, copy_function=linked)
        if os.geteuid() == 0:
            shutil.chown(folder, SOMEBODY)
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        made = self._start("initdb", "-D", str(folder / "data"), "-U", OWNER, *options)
        assert made.wait() == 0
        rules = folder / "data/pg_hba.conf"
        rules.write_text(f"local all {LOCKED} scram-sha-256\n{rules.read_text()}")

    def _start(self, program: str, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(self._programs / program), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env=ENVIRON,
            user=SOMEBODY if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers.

        After it was killed it refuses to start while one of its processes is still going home.
        """
        options = ("-D", str(self.folder / "data"), "-k", str(self.folder), "-h", "", *QUICK)
        deadline = time.monotonic() + START_TIMEOUT
        while not (self._lives() and self._answers()):
            assert time.monotonic() < deadline
            if not self._lives():
                self._process = self._start("postgres", *options)
            select.select([], [], [], POLL)

    def _lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _answers(self) -> bool:
        try:
            self.say("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once with all its processes, as if its machine had gone."""
        if self._process is None:
            return
        backends = children(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._process = None
        for pid in backends:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(is_alive(pid) for pid in backends):
            select.select([], [], [], POLL)

    def url(self, database: str, user: str = OWNER) -> str:
        """Say how the gateway would be told of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def place(self, journals: Path, database: str = "") -> PostgresPlace:
        """Return a database, a new one unless it is named; its journals lie in a folder."""
        return parse_server(self.url(database or self.create()), journals)

    def create(self, owner: str = OWNER) -> str:
        """Make a new database; return its name."""
        name = f"gateway_{next(self._numbers)}"
        self.say(f"CREATE DATABASE {name} OWNER {owner}")
        return name

    def say(
        self, statement: str, values: Sequence[object] = (), database: str = "postgres"
    ) -> list[tuple[object, ...]]:
        """Have a statement done on a connection of its own; return its rows."""
        with psycopg.connect(
            host=str(self.folder), user=OWNER, dbname=database, autocommit=True, connect_timeout=5
        ) as line:
            cursor = line.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []


def is_alive(pid: int) -> bool:
    """Say whether a process that was killed still holds its sockets."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def linked(source: str, target: str) -> str:
    """Give a file a second name; where it lies on another disk, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)
    return target


@cache
def _made() -> RealPostgres:
    folder = Path(tempfile.mkdtemp(prefix="gw"))

    def remove() -> None:
        server.kill()
        shutil.rmtree(folder)

    server = RealPostgres(folder)
    atexit.register(remove)
    server.start()
    server.say(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")
    return server


def running() -> RealPostgres:
    """Return the server of all tests; it runs, whatever the last one has done to it."""
    server = _made()
    server.start()
    return server
