"""`gateway schema`: for editors, and for the documentation."""

import json

from click.testing import CliRunner

from gateway.commands.schema import command
from gateway.config.markdown import markdown
from gateway.config.schema import schema


def test_it_prints_the_schema() -> None:
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == schema()


def test_it_prints_the_page_of_the_documentation() -> None:
    result = CliRunner().invoke(command, ["--markdown"])
    assert result.exit_code == 0
    assert result.stdout == markdown()
