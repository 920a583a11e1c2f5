"""Reads `[passthrough]`: which provider serves the endpoints that name no model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.config.lines import Key
from gateway.config.models import check_twice
from gateway.config.tables import Reading, read_table
from gateway.policy.areas import AREAS, ROOTS
from gateway.providers import Settings, echo

SECTION: Final = "passthrough"
BUILT_IN: Final = "is built in: it has no API of its own"
APART: Final = (
    "must be 1 where there are keys, [passthrough] is set and [store] names no `database`: no"
    " worker would know whose the files are that another has passed on"
)

Served = dict[str, str]
"""Names of providers by areas."""

Opened = Annotated[
    list[str],
    Meta(
        description="Providers whose own API is open at `/passthrough/NAME/…`: all of it, with the"
        " gateway's key."
    ),
]


def _paths(area: str) -> str:
    paths = [f"`/v1/{'/'.join(root.path)}`" for root in ROOTS if root.area == area]
    return ", ".join(paths)


PassthroughOptions: Final = msgspec.defstruct(
    "PassthroughOptions",
    [
        (
            area,
            Annotated[str | None, Meta(description=f"Which provider serves {_paths(area)}.")],
            None,
        )
        for area in AREAS
    ],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    namespace={"__doc__": "Endpoints that name no model, and which provider serves them."},
)


def read_passthrough(
    document: Mapping[str, object], providers: Mapping[str, Settings] | None, reading: Reading
) -> Served:
    """Read the table. `providers` is None where they could not all be read."""
    options = read_table(PassthroughOptions, document.get(SECTION, {}), (SECTION,), reading)
    found: Served = {}
    for area in AREAS:
        name = getattr(options, area, None)
        if name:
            found[area] = name
            check_provider(name, (SECTION, area), providers, reading)
    return found


def check_opened(
    names: Sequence[str], key: Key, providers: Mapping[str, Settings] | None, reading: Reading
) -> None:
    """Note each provider of a right `passthrough` that cannot be opened."""
    check_twice(names, key, reading)
    for index, name in enumerate(names):
        check_provider(name, (*key, index), providers, reading)


def check_provider(
    name: str, key: Key, providers: Mapping[str, Settings] | None, reading: Reading
) -> None:
    """Note a provider that is not there, or that nothing can be passed on to."""
    if providers is None:
        return
    settings = providers.get(name)
    if settings is None:
        reading.notes.unknown(key, name, list(passable(providers)), "provider")
    elif isinstance(settings, echo.Options):
        reading.notes.mistake(key, BUILT_IN)


def passable(providers: Mapping[str, Settings]) -> Iterable[str]:
    """Yield the providers that requests can be passed on to."""
    return (name for name, each in providers.items() if not isinstance(each, echo.Options))
