"""Makes docs/commands.md: what every command says of itself with `--help`."""

import re
from collections.abc import Iterator
from typing import Final

import click

from gateway.__main__ import cli
from tests.house.source import ROOT

PAGE: Final = ROOT / "docs/commands.md"
WIDTH: Final = 90

HEAD: Final = """\
# Commands

What each command says of itself with `--help` or `-h`. Made by `python -m tests.docs`; a test fails
where this page is old. Examples are read by the tests too: each command, option and argument in
them exists.

A command that looks for a configuration takes `--config`, else what `GATEWAY_CONFIG` names, else
`gateway.toml` in this folder. Exit codes: 0 all is well, 1 something is wrong and was told, 2 the
command line was.
"""

EXAMPLE: Final = re.compile(r"^ {4}(.*\bgateway .*)$", re.MULTILINE)
REMARK: Final = re.compile(r" {2,}\S.*$")


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield a command and all below it, each with its whole name and a context for its help."""
    # A command keeps the option for its help as it was first asked for it.
    context = click.Context(command, info_name=name, terminal_width=WIDTH, **cli.context_settings)
    yield name, command, context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from walk(found, f"{name} {inner}")


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for name, command, context in walk(cli, "gateway"):
        depth = min(name.count(" ") + 2, 3)
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"{'#' * depth} {name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def examples() -> Iterator[tuple[str, str]]:
    """Yield each example of a help text with the name of its command."""
    for name, command, context in walk(cli, "gateway"):
        said = command.get_help(context).partition("\nOptions:")[0]
        for line in EXAMPLE.findall(said):
            yield name, REMARK.sub("", line)
