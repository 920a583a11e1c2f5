"""Finds the configuration's file and reads it. Any text gives a `Config` or a `ConfigMistake`."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.compose import FIXED, Config, Unshown, compose
from gateway.config.files import Files, Found, read_whole
from gateway.config.lines import DEEPEST, Lines
from gateway.config.mistakes import ConfigMistake, Finding, Notes
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading

FILE_NAME = "gateway.toml"
VARIABLE = "GATEWAY_CONFIG"

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


def find_config(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Return the file to read: the named one, else `GATEWAY_CONFIG`, else `gateway.toml` here.

    None where there is none. Raises `ConfigMistake` where a file is named that does not exist.
    """
    if explicit is not None:
        return _named(explicit, cwd, "--config")
    if environ.get(VARIABLE):
        return _named(Path(environ[VARIABLE]), cwd, VARIABLE)
    here = cwd / FILE_NAME
    return Path(FILE_NAME) if _exists(here) else None


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it was read once. Relative paths in it begin where it lies."""

    path: Path
    name: str
    text: str
    found: Found
    again: bool = False


def load_config(
    path: Path, environ: Mapping[str, str], cwd: Path, *, strict: bool = False
) -> Config:
    """Read and check a file. Raises `ConfigMistake` with all that is wrong in it.

    With `strict` a secret that stands in a file which everybody on this machine may read is a
    mistake too, not only a warning (R24).
    """
    return configured(read_document(path, cwd), environ, strict=strict)


def read_document(path: Path, cwd: Path, *, again: bool = False) -> Document:
    """Read a file, without understanding any of it. Raises `ConfigMistake`.

    `again`: it and what it names have been read before, and none of them is a pipe.
    """
    name = str(path)
    try:
        found = read_whole(cwd / path, again=again)
    except ValueError as error:
        raise _mistake(name, str(error)) from None
    return Document(cwd / path, name, _decoded(found.data, name), found, again)


def configured(
    document: Document,
    environ: Mapping[str, str],
    fixed: Unshown | None = None,
    *,
    strict: bool = False,
) -> Config:
    """Check what was read. Raises `ConfigMistake`.

    With `fixed` the tables of `FIXED` are taken from there, and not from the document. What they
    name may be gone by then.
    """
    lines = Lines(document.text)
    if lines.too_deep is not None:
        raise _mistake(document.name, f"nested deeper than {DEEPEST} levels", lines.too_deep)
    notes = Notes(document.name, lines, open_to_all=document.found.is_open, strict=strict)
    files = Files(document.path.parent, document.again, held=fixed.files if fixed else {})
    files.note(document.path, document.found)
    reading = Reading(notes, files, Secrets(environ, files))
    tables = _parsed(document.text, document.name)
    if fixed is not None:
        rest = {name: table for name, table in tables.items() if name not in FIXED}
        tables = {**fixed.tables, **rest}
    try:
        return compose(tables, reading, document.path)
    except ConfigMistake as mistake:
        mistake.files = {**files.seen, **files.missed}
        raise


def _named(path: Path, cwd: Path, by: str) -> Path:
    if not _exists(cwd / path):
        raise _mistake(str(path), f"there is no such file; {by} names it")
    return path


def _exists(path: Path) -> bool:
    """Say whether anything is there; what cannot be looked at is, and reading it will say why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def _decoded(data: bytes, name: str) -> str:
    try:
        # Some editors write a byte order mark, which TOML does not know.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _mistake(name, "not UTF-8, so not TOML", line) from None
    return text.replace("\r\n", "\n")


def _parsed(text: str, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        said = str(error)
    place = _PLACE.search(said)
    if place is None:
        raise _mistake(name, f"not TOML: {_softened(said)}")
    said = f"not TOML: {_softened(said[: place.start()])}"
    if place["line"]:
        raise _mistake(name, said, int(place["line"]), int(place["column"]))
    last = text.rpartition("\n")[2]
    raise _mistake(name, f"{said} at the end", text.count("\n") + 1, len(last) + 1)


def _softened(said: str) -> str:
    """Begin in the middle of a sentence, and show no control character of the file."""
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in said)
    return plain[:1].lower() + plain[1:]


def _mistake(
    file: str, text: str, line: int | None = None, column: int | None = None
) -> ConfigMistake:
    return ConfigMistake([Finding(file, line, column, None, text)])
