"""The settings as the admin shows them, and the file read anew to be compared with them."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from gateway.admin.health.settings import (
    ChangeTold,
    DifferenceTold,
    FindingTold,
    Places,
    Settings,
    SettingsTold,
    SettingTold,
    TableTold,
    unread,
)
from gateway.config.compose import Config, as_started
from gateway.config.diff import Difference, compare, hidden
from gateway.config.files import PASSING
from gateway.config.homes import known_secrets
from gateway.config.mistakes import dotted
from gateway.config.show import Section, literal, sections
from gateway.furnish import database_of
from gateway.policy.scrub import Scrubber
from gateway.renewal import again, is_fixed, is_kept, usable
from gateway.store.address import parse_store_url
from gateway.store.sink_address import parse_sink


def settings_of(config: Config, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return what runs, and a way to compare the file with it: with the environment of the start.

    The secrets that run are masked wherever they should stand, also where a file in which something
    is wrong repeats them.
    """
    scrub = Scrubber(known_secrets(config)).scrub
    source = None if config.source is None else str(config.source)
    tables = list(_tables(config, scrub))
    shown = SettingsTold(source, tables, [scrub(warning) for warning in config.warnings])

    def read() -> DifferenceTold:
        if config.source is None:
            return DifferenceTold(None, refused=False, changes=[], findings=[], warnings=[])
        if not is_kept(config.source):
            return unread(source, PASSING)
        return _told(source, compare(config, partial(_again, config, environ)), scrub)

    return Settings(shown, _places(config), read)


def _again(runs: Config, environ: Mapping[str, str]) -> Config:
    """Read the file as the next start with the same options would. Raises `ConfigMistake`."""
    return as_started(usable(again(runs), environ), runs)


def _tables(config: Config, scrub: Callable[[str], str]) -> Iterator[TableTold]:
    """Yield the tables; what lies in a provider, a model or the defaults stands with them."""
    whole: list[Section] = []
    for section in (*sections(config, hidden), None):
        if whole and (section is None or section.path[: len(whole[0].path)] != whole[0].path):
            yield _table(whole, scrub)
            whole = []
        if section is not None and whole and section.in_list:
            yield _table(whole, scrub)
            whole = []
        if section is not None:
            whole.append(section)


def _table(whole: list[Section], scrub: Callable[[str], str]) -> TableTold:
    depth = len(whole[0].path)
    rows = [
        SettingTold(
            dotted((*section.path[depth:], row.name)), scrub(literal(row.value)), row.origin
        )
        for section in whole
        for row in section.rows
    ]
    return TableTold(scrub(_title(whole[0])), rows)


def _title(section: Section) -> str:
    """Return the title of a table; one of several says its own name too."""
    name = next((row.value for row in section.rows if row.name == "name"), "")
    return f"{section} {literal(name)}" if section.in_list else str(section)


def _told(source: str | None, found: Difference, scrub: Callable[[str], str]) -> DifferenceTold:
    return DifferenceTold(
        source=source,
        refused=bool(found.findings),
        changes=[
            ChangeTold(
                change.name,
                None if change.runs is None else scrub(change.runs),
                None if change.now is None else scrub(change.now),
                change.where,
                change.secret,
                is_fixed(change.name),
            )
            for change in found.changes
        ],
        findings=[
            FindingTold(each.file, each.line, each.key, scrub(each.text), each.nearest)
            for each in found.findings
        ],
        warnings=[scrub(warning) for warning in found.warnings],
    )


def _places(config: Config) -> Places:
    """Return where things lie; of an address that stands in the configuration nothing is wrong."""
    database, shared, receipts = database_of(config), config.store.shared, config.log.receipts
    return Places(
        database="" if database is None else str(database),
        shared="" if shared is None else str(parse_store_url(shared.reveal())),
        receipts="" if receipts is None else str(parse_sink(receipts.reveal())),
    )
