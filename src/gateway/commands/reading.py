"""How commands get their configuration, and how they say what is wrong with it."""

import os
from pathlib import Path
from typing import IO, Any

import click

from gateway.config.compose import Config
from gateway.config.load import find_config, read_document
from gateway.config.mistakes import ConfigMistake
from gateway.renewal import usable

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration. Default: what GATEWAY_CONFIG names, else ./gateway.toml.",
)


class Refused(click.ClickException):
    """A configuration that cannot be used: each mistake a line on stderr, exit code 1."""

    def __init__(self, mistake: ConfigMistake) -> None:
        super().__init__(str(mistake))

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


def read_configuration(path: Path | None, *, strict: bool = False) -> Config | None:
    """Return the configuration that holds here; None where there is no file.

    Raises `ConfigMistake`, also for files of TLS that only TLS itself can see through.
    """
    here = Path()
    found = find_config(path, os.environ, here)
    if found is None:
        return None
    return usable(read_document(found, here), os.environ, strict=strict)
