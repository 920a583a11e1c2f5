"""`gateway check`: is this configuration right, and what does it come to. It touches no network."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from gateway.commands.reading import Refused, config_option, read_configuration
from gateway.config.compose import Config, config_of
from gateway.config.discover import discover
from gateway.config.mistakes import ConfigMistake
from gateway.config.show import DEFAULT, merged_tables, sections
from gateway.downstream.options import ListenOptions

COLUMN = 44
NO_FILE = (
    "There is no configuration file: this is what `gateway serve` would begin with."
    " It would also ask for servers on this machine, which `check` does not."
)


@click.command("check")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def command(path: Path | None, *, as_json: bool) -> None:
    """Check the configuration, and show what it comes to with every default filled in.

    Each line says where its value is from. Secrets are masked. The exit code is 1 where something
    is wrong; every mistake is told with its file, its line and the nearest key that exists.

    \b
    Example:
      gateway check --config gateway.toml
      gateway.toml:14: server.hedtimeout: unknown key; did you mean head_timeout?
    """  # noqa: D301 (click's mark for lines that stay as they are)
    try:
        config = read_configuration(path, strict=True)
        notes: list[str] = []
        if config is None:
            listen = ListenOptions()
            found = discover(os.environ, {}, listen)
            config, notes = config_of(found, listen), list(found.notes)
    except ConfigMistake as mistake:
        if as_json:
            findings = [asdict(finding) for finding in mistake.findings]
            click.echo(json.dumps({"valid": False, "mistakes": findings}, indent=2))
        raise Refused(mistake) from None
    if as_json:
        click.echo(json.dumps(_object(config, notes), indent=2))
    else:
        _print(config, notes)


def _object(config: Config, notes: list[str]) -> dict[str, object]:
    return {
        "valid": True,
        "source": None if config.source is None else str(config.source),
        "config": merged_tables(config),
        "origins": config.origins,
        "warnings": list(config.warnings),
        "notes": notes,
    }


def _print(config: Config, notes: list[str]) -> None:
    # Lines stay whole where the output is read by another program; nothing in them is markup.
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    if config.source is None:
        console.print(Text(NO_FILE))
        for note in notes:
            console.print(Text(f"  {note}", "green"))
        console.print()
    for section in filter(lambda section: section.rows, sections(config)):
        console.print(Text(str(section), "bold"))
        for row in section.rows:
            line = Text(str(row).ljust(COLUMN))
            line.append(f"  # {row.origin}", "dim" if row.origin == DEFAULT else "cyan")
            console.print(line)
        console.print()
    for warning in config.warnings:
        console.print(Text(f"warning: {warning}", "yellow"))
    if config.source is not None:
        console.print(Text(f"{config.source}: no mistakes, {_counted(len(config.warnings))}"))


def _counted(warnings: int) -> str:
    return "1 warning" if warnings == 1 else f"{warnings} warnings"
