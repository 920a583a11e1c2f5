"""What is wrong with a configuration: every mistake with its file, line and key, all at once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from gateway.config.files import Stamp
from gateway.config.lines import Key, Lines

LONGEST_SHOWN = 80
MANY = 12
NEAR = 0.6
PATIENCE = 100
MOST_COMPARED = 1000

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake. `line` and `column` begin at 1; a key or a nearest name may be unknown."""

    file: str
    line: int | None
    column: int | None
    key: str | None
    text: str
    nearest: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        said = f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"
        return f"{said}; did you mean {self.nearest}?" if self.nearest else said


class ConfigMistake(Exception):
    """The configuration cannot be used. `findings` holds every mistake, in the file's order."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = tuple(findings)
        self.files: Mapping[Path, Stamp | None] = {}
        """The files that were looked at, as they were: another one may be no mistake."""


def quoted(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Show text of the file so that it cannot command a terminal, cut where it is long."""
    shown = text if len(text) <= longest else text[:longest] + "…"
    return '"' + "".join(map(_escaped, shown)) + '"'


def _escaped(char: str) -> str:
    """Write a character as it stands in a basic string of TOML."""
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def dotted(key: Key) -> str:
    """Write a key as one writes it in a file: dotted, quoted where it must be."""
    said = ""
    for part in key:
        if isinstance(part, int):
            said += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) and len(part) <= LONGEST_SHOWN else quoted(part)
            said += f".{name}" if said else name
    return said


class Notes:
    """Collects what is to be said of one configuration while it is read.

    `origins` says of each key where its value was written.
    """

    def __init__(
        self, file: str, lines: Lines, *, open_to_all: bool = False, strict: bool = False
    ) -> None:
        """`open_to_all`: everybody on this machine may read the file; `strict` refuses that."""
        self._file = file
        self._lines = lines
        self._open_to_all = open_to_all
        self._strict = strict
        self.findings: list[Finding] = []
        self.warnings: list[str] = []
        self.origins: dict[str, str] = {}
        self._wrong: set[Key] = set()

    def mistake(self, key: Key, text: str, near: str | None = None) -> None:
        """Note that the value at a key is wrong."""
        line = self._lines.find(key)
        self._wrong.update(key[:length] for length in range(len(key) + 1))
        self.findings.append(Finding(self._file, line, None, dotted(key) or None, text, near))

    def is_wrong(self, key: Key) -> bool:
        """Say whether a mistake was noted at a key or within it."""
        return key in self._wrong

    def nearest(self, name: str, known: Iterable[str]) -> str | None:
        """Return the known name that is meant, if one is near."""
        if len(self.findings) >= PATIENCE:
            return None  # Whoever made so many mistakes reads the first of them.
        choices = list(islice(known, MOST_COMPARED))
        near = get_close_matches(name[:LONGEST_SHOWN], choices, 1, NEAR)
        return near[0] if near else None

    def unknown(self, key: Key, name: str, known: Iterable[str], what: str = "key") -> None:
        """Note a name that does not exist, with the nearest that does, or all if they are few."""
        names = sorted(known)
        near = self.nearest(name, names)
        if near is None and 0 < len(names) <= MANY:
            shown = ", ".join(dotted((known_name,)) for known_name in names)
            self.mistake(key, f"unknown {what} (known here: {shown})")
        else:
            self.mistake(key, f"unknown {what}", dotted((near,)) if near else None)

    def warn(self, key: Key, text: str) -> None:
        """Note what is allowed, yet should be known."""
        self.warnings.append(
            str(Finding(self._file, self._lines.find(key), None, dotted(key), text))
        )

    def literal(
        self, key: Key, what: str, safer: str = '{ env = "NAME" } or { file = "path" }'
    ) -> None:
        """Note a secret that stands in the file itself, and what is safer (R24)."""
        text = f"{what} in the file itself"
        if self._open_to_all:
            text += ", which everybody on this machine may read"
        text += f"; {safer} is safer"
        if self._open_to_all and self._strict:
            self.mistake(key, text)
        else:
            self.warn(key, text)

    def came_from(self, key: Key, where: str = "") -> None:
        """Note where a value was written, and where it was taken from if that is elsewhere."""
        place = f"{self._file}:{self._lines.find(key)}"
        self.origins[dotted(key)] = f"{place}, {where}" if where else place

    def settle(self) -> None:
        """Raise `ConfigMistake` if there was one."""
        if self.findings:
            raise ConfigMistake(sorted(self.findings, key=lambda finding: finding.line or 0))
