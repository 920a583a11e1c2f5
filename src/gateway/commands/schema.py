"""`gateway schema`: the JSON Schema of the configuration, or its page of the documentation."""

import json

import click

from gateway.config.markdown import markdown
from gateway.config.schema import schema


@click.command("schema")
@click.option("--markdown", "as_page", is_flag=True, help="Print docs/configuration.md instead.")
def command(*, as_page: bool) -> None:
    """Print the JSON Schema of the configuration, so that editors complete and check it.

    \b
    Example, with the line that many editors read at the top of gateway.toml:
      gateway schema > gateway.schema.json
      #:schema ./gateway.schema.json
    """  # noqa: D301 (click's mark for lines that stay as they are)
    click.echo(markdown() if as_page else json.dumps(schema(), indent=2), nl=not as_page)
