"""Reads the configuration's file anew for a gateway that runs, and says what that changes.

    the file ──read once──▶ as a start would take it ──▶ refused, or what differs from what runs
                       └──▶ with the tables of the start that hold until the next one ──▶ Renewal

Whoever is given a `Renewal` swaps to its `config`. Where anything is wrong there is none, and what
runs goes on.
"""

import json
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.compose import FIXED, Config, as_started, must_show_key
from gateway.config.diff import Change, alike, changes, fingerprint
from gateway.config.files import PASSING, Stamp, stamp_of
from gateway.config.homes import homes_of, keyring_of
from gateway.config.load import Document, configured, read_document
from gateway.config.mistakes import ConfigMistake, Finding
from gateway.config.server import PARTS
from gateway.downstream.listen import tls_context

WITHOUT: Final = "the gateway began without a configuration file, so there is nothing to read anew"

KEPT: Final = "configuration refused, the old one goes on"
"""What the log is told of a file that is not taken."""

LONGEST_TOLD: Final = 3_600
"""Bytes of one field in a line of the log, as JSON writes it: of 4,096 a line goes out whole."""

HELD: Final = (*PARTS, "admin", "store", "log", "fixed", "inner_key", "source")
"""The fields of a `Config` that hold from one start to the next."""

_LINE: Final = re.compile(r":\d+: ")

Seen = dict[Path, Stamp | None]
"""Which files lie at the paths of a configuration; None: none."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is to run from now on; what that changes; and what waits for the next start.

    What can be worked out in a thread is: `same` are the providers that stay as they are, and the
    `fingerprint` tells the configuration from any other.
    """

    config: Config
    changes: tuple[Change, ...]
    waiting: tuple[Change, ...]
    warnings: tuple[str, ...]
    """What a start would warn of, and what runs has not warned of yet."""
    same: frozenset[str]
    fingerprint: str


def renew(runs: Config, environ: Mapping[str, str]) -> Renewal:
    """Read the file anew, under the options of the start. Raises `ConfigMistake`."""
    document = again(runs)
    written = as_started(usable(document, environ), runs)
    config = written
    if written.fixed.tables != runs.fixed.tables:
        config = as_started(configured(document, environ, runs.fixed), runs)
    config = _held(config, runs)
    # What a gateway is put together from may be wrong in ways that no table shows.
    homes_of(config)
    keyring_of(config)
    found = list(changes(runs, written))
    known = set(map(_without_line, runs.warnings))
    return Renewal(
        config=config,
        changes=tuple(change for change in found if not is_fixed(change.name)),
        waiting=tuple(change for change in found if is_fixed(change.name)),
        warnings=tuple(each for each in config.warnings if _without_line(each) not in known),
        same=alike(runs, config),
        fingerprint=fingerprint(config),
    )


def news_of(renewal: Renewal) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield what the log is told: how loud, what has happened, its fields. No secret is in it."""
    if renewal.changes:
        yield "info", "configuration reloaded", {"changes": said(renewal.changes)}
    if renewal.waiting:
        yield (
            "warning",
            "these settings wait for the next start",
            {"changes": said(renewal.waiting)},
        )
    for warning in renewal.warnings:
        yield "warning", "the configuration has a weakness", {"warning": cut(warning)}
    if not (renewal.changes or renewal.waiting):
        yield "info", "configuration read anew, and nothing differs", {}


def said(changes: Sequence[Change]) -> str:
    """Say what has changed, each with what ran and what runs now, as far as a line has room."""
    told, more, room = "", len(changes), LONGEST_TOLD
    for each in changes:
        part = f"{each.name}: {each.runs or 'none'} -> {each.now or 'none'}"
        room -= _size(part) + len("; ")
        if room < 0:
            break
        told, more = f"{told}; {part}" if told else part, more - 1
    return told if not more else f"{told}; and {more} more" if told else f"{more} settings"


def _without_line(warning: str) -> str:
    """Return a warning as it is wherever its line has gone."""
    return _LINE.sub(": ", warning, count=1)


def cut(text: str) -> str:
    """Return as much of a text as a line has room for."""
    room = LONGEST_TOLD
    for place, sign in enumerate(text):
        room -= _size(sign)
        if room < 0:
            return f"{text[:place]}…"
    return text


def _size(text: str) -> int:
    """Count the bytes that a text takes in a line of JSON."""
    return len(json.dumps(text)) - len('""')


def again(runs: Config) -> Document:
    """Read the file of what runs once more. Raises `ConfigMistake`."""
    if runs.source is None:
        raise ConfigMistake([Finding("no file", None, None, None, WITHOUT)])
    if not is_kept(runs.source):
        raise ConfigMistake([Finding(str(runs.source), None, None, None, PASSING)])
    return read_document(runs.source, Path(), again=True)


def usable(document: Document, environ: Mapping[str, str], *, strict: bool = False) -> Config:
    """Check what was read as a start would. Raises `ConfigMistake`.

    Also for files of TLS that only TLS itself can see through.
    """
    config = configured(document, environ, strict=strict)
    tls = config.listen.tls
    named = () if tls is None else (Path(tls.certificate), Path(tls.key))
    try:
        if document.again and not all(map(is_kept, named)):
            raise ValueError(f"certificate or key {PASSING}")
        tls_context(config.listen)
    except ValueError as error:
        file, _, line = config.origins["server.tls"].rpartition(":")
        raise ConfigMistake([Finding(file, int(line), None, "server.tls", str(error))]) from None
    return config


def is_kept(path: Path) -> bool:
    """Say whether a file can be read twice: a pipe holds up who does, or is empty by then.

    Of one that cannot be looked at the reading will say why.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def is_fixed(name: str) -> bool:
    """Say whether a setting holds until the next start."""
    return name.partition(".")[0].partition("[")[0] in FIXED


def _held(fresh: Config, runs: Config) -> Config:
    """Return the fresh configuration, with what holds as it runs: its secrets and paths too."""
    origins = {name: origin for name, origin in fresh.origins.items() if not is_fixed(name)}
    origins |= {name: origin for name, origin in runs.origins.items() if is_fixed(name)}
    held = {name: getattr(runs, name) for name in HELD}
    keyed = must_show_key(runs, len(runs.keys))
    return msgspec.structs.replace(fresh, origins=origins, keyed=keyed, **held)


class Watched:
    """The files of a configuration, looked at now and again.

    A change counts once two looks in a row have found the same: half a file is nobody's wish. Where
    what was read is refused, all that it names is looked at too: a secret may only come after it.
    """

    def __init__(self) -> None:
        self._last: Seen = {}
        self._tried: Seen = {}
        self._named: Seen = {}
        """What was looked at for a configuration that was refused."""

    def changed(self, runs: Config) -> bool:
        """Look at the files of what runs; say once of each change that it has come to rest."""
        now = self._seen(runs)
        rests, self._last = now == self._last, now
        if not rests or now == runs.files or now == self._tried:  # noqa: PLR1714  (unhashable)
            return False
        self._tried = now
        return True

    def renew(self, runs: Config, environ: Mapping[str, str]) -> Renewal:
        """Read the files as they are now, whoever wants that. Raises `ConfigMistake`."""
        self._named = {}
        self._tried = self._seen(runs)
        try:
            return renew(runs, environ)
        except ConfigMistake as mistake:
            self._named = dict(mistake.files)
            self._tried |= self._named
            raise

    def _seen(self, runs: Config) -> Seen:
        return {path: stamp_of(path) for path in (*runs.files, *self._named)}
