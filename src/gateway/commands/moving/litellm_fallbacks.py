"""LiteLLM's fallbacks and its names for groups of models, as our tables of names."""

from collections.abc import Iterator
from typing import Final

from gateway.commands.moving.homes import EVERYTHING
from gateway.commands.moving.litellm_models import Models
from gateway.commands.moving.litellm_settings import OURS, ROUTER
from gateway.commands.moving.reading import Table, items, name, table, text
from gateway.config.lines import Key
from gateway.config.names import check_pattern

SECTIONS: Final = (
    ("fallbacks", "fallbacks"),
    ("context_window_fallbacks", "context_fallbacks"),
)
"""LiteLLM's word, and our table."""

NOBODY: Final = "nobody answers to this name, so nothing falls back on it."
ITSELF: Final = "a name that stands for others cannot be a model of this file, too."
HIDDEN: Final = "a name cannot be hidden from the list; a key's `models` says who may ask for it."
PLAIN: Final = "a fallback is asked what was asked before: it has no parameters of its own."
NO_PATTERN: Final = "is no name or pattern of names."


def read_aliases(document: Table, models: Models) -> set[str]:
    """Write `[models.NAME] targets` for each alias; return their names."""
    sheet = models.book.sheet
    path: Key = (ROUTER, "model_group_alias")
    found: set[str] = set()
    for alias, said in table(table(document.get(ROUTER)).get("model_group_alias")).items():
        source: Key = (*path, alias)
        told = said.get("model") if isinstance(said, dict) else said
        target, public = name(told), name(alias)
        if target is None or public is None or not models.answers(target):
            sheet.remark(("models",), source, NOBODY, said)
        elif public in models.by_name:
            sheet.remark(("models",), source, ITSELF, said)
        else:
            where: Key = ("models", public)
            word: Key = (*source, "model") if isinstance(said, dict) else source
            sheet.put(where, "targets", [target], word)
            if isinstance(said, dict) and "hidden" in said:
                sheet.remark(where, (*source, "hidden"), HIDDEN, said["hidden"])
            found.add(public)
    return found


def read_fallbacks(document: Table, models: Models, aliases: set[str]) -> None:
    """Write both tables. What the router says stands over the other place that can say it."""
    sheet = models.book.sheet
    for word, section in SECTIONS:
        where: Key = (section,)
        for path, said in _said(document, word):
            for key, names, source in _pairs(path, said):
                found = _answered(where, key, names, source, (models, aliases))
                if found:
                    sheet.put(where, key, found, source)
    for path, said in _said(document, "default_fallbacks"):
        found = _answered(("fallbacks",), EVERYTHING, said, path, (models, aliases))
        if found:
            sheet.put(("fallbacks",), EVERYTHING, found, path)


def _said(document: Table, word: str) -> Iterator[tuple[Key, object]]:
    for where in (OURS, ROUTER):
        said = table(document.get(where)).get(word)
        if said is not None:
            yield (where, word), said


def _pairs(path: Key, said: object) -> Iterator[tuple[str, object, Key]]:
    """Yield each name with those that follow it; a list of tables, or one table."""
    tables = enumerate(items(said)) if isinstance(said, list) else [(None, said)]
    for index, each in tables:
        for key, names in table(each).items():
            yield key, names, (*path, *(() if index is None else (index,)), key)


def _answered(
    where: Key, key: str, said: object, source: Key, known: tuple[Models, set[str]]
) -> list[str]:
    """Return those names that somebody answers, and say of the others that nobody does."""
    models, aliases = known
    sheet = models.book.sheet
    try:
        check_pattern(key)
    except ValueError:
        sheet.remark(where, source, NO_PATTERN, said)
        return []
    found: list[str] = []
    for index, each in enumerate(items(said) if isinstance(said, list) else [said]):
        told = text(each.get("model")) if isinstance(each, dict) else text(each)
        place: Key = (*source, index) if isinstance(said, list) else source
        if told is None or not (models.answers(told) or told in aliases):
            sheet.remark(where, place, NOBODY, each)
        elif told not in found and told != key:
            found.append(told)
        if isinstance(each, dict) and len(each) > 1:
            sheet.remark(where, place, PLAIN, each)
    return found
