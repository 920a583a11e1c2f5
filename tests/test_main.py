"""The command line as a whole: it teaches, it forgives typing errors, and it begins quickly."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from gateway import __version__
from gateway.__main__ import COMMANDS, cli

HEAVY = "{'trio', 'httpx2', 'hypercorn', 'rich', 'structlog', 'httptools', 'gateway.config'}"


def python(code: str) -> str:
    """Run Python by itself; return what it prints."""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    return run.stdout.strip()


@pytest.mark.parametrize("arguments", ["['--help']", "['--version']", "['chekc']"])
def test_nothing_heavy_is_imported_before_a_command_needs_it(arguments: str) -> None:
    code = (
        "import sys; from gateway.__main__ import cli\n"
        f"try: cli({arguments})\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    assert python(code).splitlines()[-1] == "[]"


def test_a_command_brings_what_it_needs_and_no_more() -> None:
    code = (
        "import sys; from gateway.__main__ import cli\n"
        "try: cli(['schema'])\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    assert python(code).splitlines()[-1] == "['gateway.config']"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_its_help_has_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"], prog_name="gateway")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert result.stdout.startswith(f"Usage: gateway {name}")


def test_the_help_lists_the_commands_with_what_they_do() -> None:
    result = CliRunner().invoke(cli, ["--help"], terminal_width=200)
    assert result.exit_code == 0
    for name, does in COMMANDS.items():
        assert f"  {name:<7}  {does}\n" in result.stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("chekc", "No such command 'chekc'. Did you mean 'check'?"),
        ("xyzzy", f"No such command 'xyzzy'. There are {', '.join(COMMANDS)}."),
    ],
)
def test_a_typing_error_is_told_with_the_nearest_command(typed: str, said: str) -> None:
    result = CliRunner().invoke(cli, [typed])
    assert result.exit_code == 2
    assert said in result.stderr


def test_the_shell_can_complete_the_commands() -> None:
    context = click.Context(cli)
    offered = [item.value for item in cli.shell_complete(context, "s")]
    assert offered == [name for name in COMMANDS if name.startswith("s")]
    assert cli.get_command(context, "nothing") is None


def test_an_unknown_option_is_told() -> None:
    result = CliRunner().invoke(cli, ["--nonsense", "check"])
    assert result.exit_code == 2
    assert "No such option" in result.stderr


def test_it_runs_as_a_module() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "gateway", "--version"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert run.stdout == f"gateway, version {__version__}\n"
