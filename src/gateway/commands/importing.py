"""`gateway import`: what another gateway was told, as a configuration of this one."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from gateway.commands.moving.database_notes import WIDER
from gateway.commands.moving.document import Unreadable, read_document
from gateway.commands.moving.litellm import is_litellm, translated
from gateway.commands.moving.litellm_database import move
from gateway.commands.moving.portkey import is_portkey, told
from gateway.commands.moving.saying import is_holding, plain
from gateway.commands.moving.sheet import Sheet
from gateway.commands.moving.toml import written
from gateway.commands.moving.trial import findings_in
from gateway.config.mistakes import dotted
from gateway.config.names import check_name

NOT_LITELLM: Final = (
    "{path}: is no configuration of LiteLLM's: it has none of model_list, litellm_settings,"
    " router_settings and general_settings."
)
NOT_PORTKEY: Final = "{path}: is no config of Portkey's: it has neither targets nor a provider."
NOTHING: Final = "Name a file, or a database: `gateway import litellm --help` tells both."
BOTH: Final = "One thing after another: the file first, then --database with --into."
APART: Final = "--into and --dry-run are for --database."
NO_FILE: Final = "--output is for a file."
HELD: Final = f"{WIDER} until you say it here: {{places}}"

_FILE = click.Path(path_type=Path, dir_okay=False)

output_option = click.option(
    "--output", "-o", type=_FILE, metavar="FILE", help="Write here, where no file is yet."
)


@click.group("import")
def command() -> None:
    """Move here from another gateway: its configuration becomes one of ours.

    What has no equivalent is a comment where one would look for it, and a line on stderr; nothing
    is dropped without a word. No secret is written: each becomes a variable of the environment.

    \b
    Examples:
      gateway import litellm config.yaml --output gateway.toml
      gateway import portkey config.json --output gateway.toml
    """  # noqa: D301 (click's mark for lines that stay as they are)


@command.command("litellm")
@click.argument("config", type=_FILE, required=False)
@output_option
@click.option(
    "--database", metavar="URL", help="LiteLLM's PostgreSQL, or env:NAME: keys, teams, budgets."
)
@click.option(
    "--into", type=_FILE, metavar="FILE", help="Our configuration, whose database takes the keys."
)
@click.option("--dry-run", is_flag=True, help="Say what would be taken from the database alone.")
def from_litellm(
    config: Path | None,
    output: Path | None,
    database: str | None,
    into: Path | None,
    dry_run: bool,
) -> None:
    """Translate a CONFIG of LiteLLM's proxy, or take over what its database holds.

    The file becomes a configuration, on stdout or in --output. With --database the keys that
    LiteLLM gave out, with their teams, budgets and what was spent, go into the database that
    --into names, so that those who hold them change nothing; LiteLLM's own is only read.

    \b
    Examples:
      gateway import litellm config.yaml --output gateway.toml
      gateway import litellm --database env:DATABASE_URL --into gateway.toml --dry-run
    """  # noqa: D301 (click's mark for lines that stay as they are)
    if database is not None:
        if config is not None:
            raise click.UsageError(BOTH)
        if output is not None:
            raise click.UsageError(NO_FILE)
        sys.exit(move(database, into or Path("gateway.toml"), dry_run, _console()))
    if into is not None or dry_run:
        raise click.UsageError(APART)
    if config is None:
        raise click.UsageError(NOTHING)
    document = _document(config)
    if not is_litellm(document):
        raise click.ClickException(NOT_LITELLM.format(path=config))
    _hand_over(translated(document, os.environ), config, output, "litellm")


@command.command("portkey")
@click.argument("config", type=_FILE)
@output_option
@click.option(
    "--name", default="", metavar="NAME", help="The model that clients ask for. Default: CONFIG's."
)
def from_portkey(config: Path, output: Path | None, name: str) -> None:
    """Translate a CONFIG of Portkey's: targets, strategies, retries, the cache.

    Clients of Portkey name a config in a header; here they ask for a model. Where the targets say
    which model they are asked for, all of it together is one model, called --NAME; where they do
    not, clients go on to ask for models by the names that the providers have.

    \b
    Example:
      gateway import portkey config.json --name assistant --output gateway.toml
    """  # noqa: D301 (click's mark for lines that stay as they are)
    document = _document(config)
    if not is_portkey(document):
        raise click.ClickException(NOT_PORTKEY.format(path=config))
    label = name or config.stem
    try:
        check_name(label)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--name") from None
    _hand_over(told(document, os.environ, label), config, output, "portkey")


def _document(path: Path) -> dict[str, object]:
    try:
        return read_document(path)
    except Unreadable as error:
        raise click.ClickException(str(error)) from None


def _hand_over(sheet: Sheet, source: Path, output: Path | None, by: str) -> None:
    """Print or write the configuration; tell a person what is left to do."""
    console = _console()
    folder = (output or Path("gateway.toml")).absolute().parent
    text = written(sheet, _head(sheet, source.name, by))
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(text, output)
    for remark in sheet.remarks:
        console.print(Text(str(remark), "yellow" if remark.source else "dim"))
    if held := list(dict.fromkeys(_held(sheet))):
        console.print(Text(HELD.format(places=plain(", ".join(held))), "bold red"))
    for extra, why in sheet.extras.items():
        console.print(Text(f"needed: pip install 'nursery-gateway[{extra}]' ({why})"))
    for variable, what in sheet.variables.items():
        console.print(Text(f"to set: {variable} ({what})", "cyan"))
    findings = findings_in(text, folder, sheet.variables)
    for finding in findings:
        console.print(Text(f"to mend: {finding}", "red"))
    if output is not None:
        console.print(
            Text(plain(f"{output} is written; `gateway check --config {output}` shows it."))
        )
    if findings:
        sys.exit(1)


def _held(sheet: Sheet) -> Iterator[str]:
    """Yield the places of what held somebody back there, and is only told of here."""
    for remark in sheet.remarks:
        words = [part for part in remark.source if isinstance(part, str)]
        if words and is_holding(words[-1]):
            yield dotted(remark.source)


def _console() -> Console:
    """Return what speaks to a person: stdout is for the configuration alone."""
    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _head(sheet: Sheet, source: str, by: str) -> Sequence[str]:
    plain = source if source.isprintable() else "a file"
    lines = [
        f"Made from {plain} by `gateway import {by}`.",
        "A comment below a table tells what was not taken over as it stood, and what to do.",
    ]
    if sheet.variables:
        lines += ["", "Variables of the environment that must be set:"]
        lines += [f"  {variable}: {what}" for variable, what in sheet.variables.items()]
    if sheet.extras:
        extras = ",".join(sheet.extras)
        lines += ["", f"Needed: pip install 'nursery-gateway[{extras}]'"]
    return lines


def _write(text: str, output: Path) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{output} is there already; nothing was written.") from None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "no such path"
        raise click.ClickException(f"cannot write {output}: {said}") from None
