"""A configuration of LiteLLM's proxy, told as one of ours. It touches nothing and asks nobody."""

from collections.abc import Mapping
from typing import Final

from gateway.commands.moving.homes import Providers
from gateway.commands.moving.litellm_fallbacks import read_aliases, read_fallbacks
from gateway.commands.moving.litellm_models import LIST, Models
from gateway.commands.moving.litellm_params import Book
from gateway.commands.moving.litellm_settings import is_enforced, read_settings
from gateway.commands.moving.litellm_without import UNKNOWN, WITHOUT
from gateway.commands.moving.reading import Open, Secrets, Table, items, references, table, text
from gateway.commands.moving.sheet import ANYWHERE, Sheet
from gateway.config.lines import Key

VARIABLES: Final = "environment_variables"
CREDENTIALS: Final = "credential_list"
IN_THE_ENVIRONMENT: Final = (
    "set it where the gateway starts, if anything here asks for it. What it holds is not shown."
)
PARTS: Final = (LIST, "litellm_settings", "router_settings", "general_settings")


def translated(document: Table, environ: Mapping[str, str]) -> Sheet:
    """Return all that a document comes to. `environ` is asked for addresses and regions alone."""
    sheet = Sheet()
    said = table(document.get(VARIABLES))
    taken = (*references(document), *said)
    book = Book(sheet, Secrets(sheet, iter(taken)), Open(environ, said))
    read_settings(document, book)
    models = Models(book, Providers(sheet), enforced=is_enforced(document))
    models.read(document.get(LIST), _credentials(document))
    models.finish()
    aliases = read_aliases(document, models)
    read_fallbacks(document, models, aliases)
    for name in said:
        sheet.remark(ANYWHERE, (VARIABLES, name), IN_THE_ENVIRONMENT)
    sheet.tell_rest(document, WITHOUT, UNKNOWN)
    sheet.settle()
    return sheet


def is_litellm(document: Table) -> bool:
    """Say whether this looks like a configuration of LiteLLM's at all."""
    return any(part in document for part in PARTS)


def _credentials(document: Table) -> dict[str, tuple[Key, Table]]:
    """Return credentials that deployments name, each with the place of its values."""
    found: dict[str, tuple[Key, Table]] = {}
    for index, said in enumerate(items(document.get(CREDENTIALS))):
        name = text(table(said).get("credential_name"))
        if name is not None:
            path: Key = (CREDENTIALS, index, "credential_values")
            found[name] = path, table(table(said).get("credential_values"))
    return found
