"""The command line: `gateway`, or `python -m gateway`. A command is imported when it is named."""

import importlib
import os
import signal
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

import click

from gateway import __version__

COMMANDS: Final[Mapping[str, str]] = {
    "serve": "Serve the OpenAI API: the main job.",
    "top": "Show what is open now, worker by worker; cancel a call.",
    "admin": "Print an address that opens the operator's page, once.",
    "check": "Check the configuration and show what it comes to.",
    "doctor": "Look at all that a gateway needs: how each thing is, and what to do.",
    "explain": "Show who would answer for a model, in which order, and why.",
    "keys": "Make, show and revoke the keys that callers hold.",
    "prices": "Show what models cost, and where that is from.",
    "usage": "Add up calls, tokens and cost by key, team, model, day or target.",
    "import": "Move here from LiteLLM or Portkey: configuration, keys, budgets.",
    "demo": "Show what becomes of a call when its client leaves, measured now.",
    "schema": "Print the JSON Schema of the configuration.",
}
"""Each command with what it does; it lives as `command` in its own file of `gateway.commands`."""

FILES: Final[Mapping[str, str]] = {"import": "importing"}
"""Files of commands whose names are words of Python's."""


class LazyGroup(click.Group):
    """A group that knows its commands by name, so that `--help` needs no event loop and no HTTP."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        # The one place that imports late: the commands pull in the whole house, and a typing error
        # should not cost what a server costs.
        module = importlib.import_module(f"gateway.commands.{FILES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, 1)
            advice = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {name!r}. {advice}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


STANDARD_ERROR: Final = 2


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def cli() -> None:
    """An AI gateway: OpenAI clients on one side, any number of providers on the other.

    \b
    Examples:
      gateway serve                    serve what is found here, on port 4000
      gateway demo                     what becomes of a call when its client leaves
      gateway check                    what holds here, and from where
      gateway check --config my.toml   the same for one file
      gateway doctor                   what is wrong, and what to do about it
      gateway explain gpt-5.2          who would answer, in which order, and why
      gateway usage --by model         what was used, and what it cost
      gateway schema > schema.json     for your editor
    """  # noqa: D301 (click's mark for lines that stay as they are)


def open_standard_streams() -> None:
    """Open what our parent has closed of the three: no client's socket may have their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(STANDARD_ERROR - 1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(STANDARD_ERROR, "w", closefd=False)


def main() -> None:
    """Run the command line."""
    # It asks for a picture of what is open: before anybody can draw one it must end nobody.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    open_standard_streams()
    cli(prog_name="gateway")


if __name__ == "__main__":
    main()
