"""Tries what an import would write: a setting that the gateway refuses is told, not written."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from gateway.commands.moving.homes import Settings
from gateway.config.compose import compose
from gateway.config.files import Files
from gateway.config.lines import Lines
from gateway.config.mistakes import ConfigMistake, Finding, Notes
from gateway.config.providers import read_providers
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading

FILLER: Final = "0123456789abcdef0123456789abcdef"
"""Stands for what a variable of the environment will hold."""

ADDRESSES: Final[Mapping[str, str]] = {
    "GATEWAY_SHARED": "redis://127.0.0.1:6379/0",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
}
"""What stands for variables that will hold addresses."""

_TABLE: Final = "t"


def faults(kind: str, settings: Settings, public: str, own: str) -> list[tuple[str, str]]:
    """Return which settings of a provider would be refused, and why; `models` for its names."""
    notes = Notes("", Lines(""))
    table = {"kind": kind, **settings, "models": {public: own}}
    read_providers({_TABLE: table}, _reading(notes, _environ(settings), Path()))
    found = []
    for finding in notes.findings:
        _, _, rest = (finding.key or "").partition(f"providers.{_TABLE}.")
        if rest:
            found.append((rest.split(".", 1)[0].split("[", 1)[0], finding.text))
    return found


def findings_in(text: str, folder: Path, variables: Iterable[str]) -> list[Finding]:
    """Return what `gateway check` would find in a text once its variables are set."""
    name = "the configuration"
    lines = Lines(text)
    environ = {variable: ADDRESSES.get(variable, FILLER) for variable in variables}
    try:
        reading = _reading(Notes(name, lines), environ, folder)
        compose(tomllib.loads(text), reading, folder / name)
    except ConfigMistake as mistake:
        return list(mistake.findings)
    except tomllib.TOMLDecodeError as error:
        return [Finding(name, None, None, None, str(error))]
    return []


def _environ(settings: Settings) -> dict[str, str]:
    """Return an environment in which every variable is set that these settings name."""
    named = [value for value in settings.values() if isinstance(value, dict)]
    return {str(each["env"]): FILLER for each in named if "env" in each}


def _reading(notes: Notes, environ: Mapping[str, str], folder: Path) -> Reading:
    files = Files(folder)
    return Reading(notes, files, Secrets(environ, files))
