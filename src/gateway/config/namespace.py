"""Reads the tables whose names are one namespace: providers, models, and what they fall back on."""

from collections.abc import Mapping

import msgspec

from gateway.config.fallbacks import Fallbacks, check_fallbacks, read_fallbacks
from gateway.config.known import Known
from gateway.config.models import check_models, check_order, read_models
from gateway.config.options import DefaultOptions, ModelOptions
from gateway.config.providers import public_names, read_providers
from gateway.config.tables import Reading, as_table, read_table
from gateway.providers import Settings, echo


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers to which name, and what holds for all names; `providers` in the file's order."""

    defaults: DefaultOptions = DefaultOptions()
    providers: dict[str, Settings] = {}
    models: dict[str, ModelOptions] = {}
    fallbacks: Fallbacks = {}
    context_fallbacks: Fallbacks = {}


SECTIONS = Namespace.__struct_fields__


def read_namespace(document: Mapping[str, object], reading: Reading) -> Namespace:
    """Read these tables of a document, and check that their names fit together."""
    tables = {name: as_table(document.get(name, {}), (name,), reading) for name in SECTIONS}
    providers = read_providers(tables["providers"], reading)
    models = read_models(tables["models"], reading)
    found = Namespace(
        defaults=read_table(DefaultOptions, tables["defaults"], ("defaults",), reading)
        or DefaultOptions(),
        providers=with_echo(providers, models),
        models=models,
        fallbacks=read_fallbacks(tables["fallbacks"], "fallbacks", reading),
        context_fallbacks=read_fallbacks(tables["context_fallbacks"], "context_fallbacks", reading),
    )
    if not any(reading.notes.is_wrong((name,)) for name in ("providers", "models")):
        # A provider that could not be read would make its models look forgotten.
        _check(found, reading)
    return found


def with_echo(
    providers: Mapping[str, Settings], models: Mapping[str, ModelOptions]
) -> dict[str, Settings]:
    """Add the built-in model, unless its kind or its public name is taken."""
    if echo.MODEL in models or any(
        isinstance(settings, echo.Options) or echo.MODEL in public_names(settings)
        for settings in providers.values()
    ):
        return dict(providers)
    name = echo.MODEL
    while name in providers:
        name += "+"
    return {**providers, name: echo.Options(kind=echo.KIND)}


def _check(found: Namespace, reading: Reading) -> None:
    known = Known(found.providers, found.models)
    check_order(found.defaults.order or (), ("defaults", "order"), known, reading)
    check_models(found.models, known, reading)
    check_fallbacks(found.fallbacks, "fallbacks", known, reading)
    check_fallbacks(found.context_fallbacks, "context_fallbacks", known, reading)
