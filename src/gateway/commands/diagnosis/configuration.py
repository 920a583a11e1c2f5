"""The configuration as `gateway check` reads it, and where its secrets are."""

import re
import stat
from collections.abc import Iterator, Mapping
from itertools import starmap
from pathlib import Path
from typing import Final

from gateway.commands.diagnosis.verdict import Verdict, counted, fail, ok, warn
from gateway.config.compose import Config
from gateway.config.homes import known_secrets
from gateway.config.mistakes import ConfigMistake, Finding

MOST_TOLD: Final = 20
"""Mistakes, and warnings, that are told one by one."""

NO_FILE: Final = "there is no file; what the environment and this machine offer is used"
NEXT: Final = "docs/configuration.md has every key; `gateway check` tells this again, quickly."
UNSET: Final = (
    "Set it for the gateway's process: `export {0}=…`, under systemd a line in the file that"
    " EnvironmentFile= names, in a container a secret."
)
OPEN: Final = "Let the gateway's user alone read it: chmod 600."

_MISSING: Final = re.compile(r"the environment variable ([A-Za-z_][A-Za-z0-9_]*) is not set")
_VARIABLE: Final = re.compile(r", environment variable ")
_FILE: Final = re.compile(r", file (?P<path>.+)$")


def mistakes_of(mistake: ConfigMistake) -> list[Verdict]:
    """Tell each mistake."""
    found = [
        fail("file" if each.key is None else each.key, str(each), _remedy(each))
        for each in mistake.findings[:MOST_TOLD]
    ]
    if more := len(mistake.findings) - len(found):
        found.append(fail("file", f"and {counted(more, 'more mistake')}", NEXT))
    return found


def _remedy(finding: Finding) -> str:
    unset = _MISSING.search(finding.text)
    return NEXT if unset is None else UNSET.format(unset[1])


def reading_of(config: Config, notes: tuple[str, ...]) -> list[Verdict]:
    """Say what was read, and each warning."""
    where = NO_FILE if config.source is None else str(config.source)
    seen = f"{where}: {counted(len(config.providers), 'provider')}"
    found = [ok("file", seen), *(ok("found", note) for note in notes[:MOST_TOLD])]
    # What each of them says ends with what to do.
    found += [warn("warning", text, "") for text in config.warnings[:MOST_TOLD]]
    if len(config.warnings) > MOST_TOLD:
        found.append(warn("warning", f"and {len(config.warnings) - MOST_TOLD} more", NEXT))
    return found


def secrets_of(config: Config, folder: Path) -> list[Verdict]:
    """Say where the secrets are from. That one is there was seen when the file was read."""
    every = len({id(secret) for secret in known_secrets(config)})
    variables = sum(1 for origin in config.origins.values() if _is_variable(origin))
    files = dict(_files(config.origins, folder))
    seen = (
        f"{counted(every, 'secret')} in use; {counted(variables, 'setting')} from the environment,"
        f" {len(files)} from files"
    )
    return [ok("present", seen), *starmap(_readable, _open(files))]


def _is_variable(origin: str) -> bool:
    return _VARIABLE.search(origin) is not None or origin.startswith("environment variable ")


def _files(origins: Mapping[str, str], folder: Path) -> Iterator[tuple[str, Path]]:
    for name, origin in origins.items():
        if (said := _FILE.search(origin)) is not None:
            yield name, folder / said["path"]


def _open(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Yield the files that everybody on this machine may read."""
    for name, path in files.items():
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # It was read a moment ago: whoever took it away knows.
        if mode & stat.S_IROTH:
            yield name, path


def _readable(name: str, path: Path) -> Verdict:
    return warn(name, f"{path} may be read by everybody on this machine", OPEN)


def folder_of(config: Config) -> Path:
    """Return the folder in which relative paths begin."""
    return Path.cwd() if config.source is None else config.source.absolute().parent
