"""Writes a configuration into a folder and reads it as the gateway does."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from gateway.config.compose import Config
from gateway.config.load import load_config
from gateway.config.mistakes import ConfigMistake

FILE = Path("gateway.toml")
ENVIRON = {"KEY": "sk-0123456789abcdef9f2c"}


def write(text: str, folder: Path, mode: int = 0o600) -> Path:
    """Write the file, by default for its owner alone."""
    file = folder / FILE
    file.write_text(dedent(text), encoding="utf-8")
    file.chmod(mode)
    return file


def load(text: str, folder: Path, environ: Mapping[str, str] = ENVIRON) -> Config:
    """Return what a text comes to."""
    write(text, folder)
    return load_config(FILE, environ, folder)


def mistakes(text: str, folder: Path, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """Return what is wrong with a text."""
    with pytest.raises(ConfigMistake) as caught:
        load(text, folder, environ)
    return [str(finding) for finding in caught.value.findings]
