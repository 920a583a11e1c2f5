"""Reads `[models.NAME]` and sees to it that every name has exactly one home, for now."""

from collections.abc import Iterable, Mapping

from gateway.config.lines import Key
from gateway.config.mistakes import quoted
from gateway.config.names import check_name
from gateway.config.options import ModelOptions
from gateway.config.providers import public_names
from gateway.config.tables import Reading, read_table
from gateway.providers import Settings

SEVERAL = "several homes of one name are not built yet"


def read_models(table: Mapping[str, object], reading: Reading) -> dict[str, ModelOptions]:
    """Read what is said of models, in the file's order."""
    found: dict[str, ModelOptions] = {}
    for name, value in table.items():
        key: Key = ("models", name)
        try:
            check_name(name)
        except ValueError as error:
            reading.notes.mistake(key, str(error))
        found[name] = read_table(ModelOptions, value, key, reading) or ModelOptions()
    return found


def check_homes(
    providers: Mapping[str, Settings], models: Mapping[str, ModelOptions], reading: Reading
) -> None:
    """Note every name with several homes, and every name with none."""
    homes: dict[str, str] = {}
    for provider, settings in providers.items():
        for public in public_names(settings):
            if public in homes:
                text = f"{quoted(public)} is offered by {homes[public]} too: {SEVERAL}"
                reading.notes.mistake(("providers", provider, "models"), text)
            homes.setdefault(public, provider)
    _check_prefixes(providers, reading)
    known = _Known(homes, providers.values())
    for name, options in models.items():
        _check_model(name, options, known, reading)
        if any(models[target].targets for target in options.targets if target in models):
            text = "a target is a provider's model, not another name with targets"
            reading.notes.mistake(("models", name, "targets"), text)


class _Known:
    """Which names some provider answers to, as far as a configuration can tell."""

    def __init__(self, names: Mapping[str, str], providers: Iterable[Settings]) -> None:
        self.names = names
        self._open = [
            settings.prefix
            for settings in providers
            if settings.models == "*" or not settings.models
        ]

    def __contains__(self, name: str) -> bool:
        return name in self.names or any(name.startswith(prefix) for prefix in self._open)


def _check_model(name: str, options: ModelOptions, known: _Known, reading: Reading) -> None:
    key: Key = ("models", name)
    targets = (*key, "targets")
    if len(options.targets) > 1:
        reading.notes.mistake(targets, f"names {len(options.targets)} targets: {SEVERAL}")
    elif not options.targets:
        if name not in known:
            text = "no provider offers this name, and it has no targets"
            reading.notes.mistake(key, text, reading.notes.nearest(name, known.names))
    elif name in known.names:
        reading.notes.mistake(targets, f"{known.names[name]} offers this name itself: {SEVERAL}")
    elif options.targets[0] not in known:
        text = f"no provider offers {quoted(options.targets[0])}"
        near = reading.notes.nearest(options.targets[0], known.names)
        reading.notes.mistake(targets, text, near)


def _check_prefixes(providers: Mapping[str, Settings], reading: Reading) -> None:
    seen: dict[str, str] = {}
    for provider, settings in providers.items():
        if settings.models:
            continue
        if settings.prefix in seen:
            text = f"is the prefix of {seen[settings.prefix]} too: {SEVERAL}"
            reading.notes.mistake(("providers", provider, "prefix"), text)
        seen.setdefault(settings.prefix, provider)
