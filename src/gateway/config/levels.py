"""Merges what defaults, providers and models say, and puts it into the words of a target."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

import msgspec

from gateway.providers import ConductSettings
from gateway.words.target import Conduct, Cooldown, Timeouts

Said = dict[str, Any]
"""What is set, by the keys of a file; its tables are of the same kind."""

VERIFIED = "verified"
DRAIN = "drain"
DROP = "drop"

_NOT_CONDUCT: Final = frozenset({"cache", "timeouts", "on_unsupported"})


def said(settings: ConductSettings) -> Said:
    """Return what one level says. What is not set is left out, and so is a table without keys."""
    return _set_fields(settings, ConductSettings.__struct_fields__)


def merged(*levels: ConductSettings, beneath: Mapping[str, Any] | None = None) -> Said:
    """Return what several levels come to: of each key the last that says so counts."""
    whole: Said = dict(beneath or {})
    for level in levels:
        for name, value in said(level).items():
            whole[name] = {**whole.get(name, {}), **value} if isinstance(value, dict) else value
    return whole


def conduct_of(whole: Said) -> Said:
    """Return what is said of the conduct, by the names in `Conduct`."""
    fields = {name: value for name, value in whole.items() if name not in _NOT_CONDUCT}
    if "resume" in whole:
        fields["resume"] = whole["resume"] == VERIFIED
    if "on_client_gone" in whole:
        fields["reads_on"] = fields.pop("on_client_gone") == DRAIN
    if "cooldown" in whole:
        fields["cooldown"] = Cooldown(**whole["cooldown"])
    if "cache" in whole:
        fields["cache_ttl"] = whole["cache"]["ttl"]
    return fields


def drops_of(whole: Said) -> bool | None:
    """Say whether what a provider cannot be told is let go; None where nothing is said of it."""
    return whole["on_unsupported"] == DROP if "on_unsupported" in whole else None


def seconds_of(whole: Said) -> dict[str, float]:
    """Return the clocks that are set, by the names in `Timeouts`."""
    return dict(whole.get("timeouts", {}))


def _of_the_house() -> Said:
    whole = asdict(Conduct())
    whole["resume"] = VERIFIED if whole["resume"] else "off"
    whole["on_client_gone"] = DRAIN if whole.pop("reads_on") else "cancel"
    whole["cache"] = {"ttl": whole.pop("cache_ttl")}
    whole["timeouts"] = asdict(Timeouts())
    whole["on_unsupported"] = "refuse"
    return {name: whole[name] for name in ConductSettings.__struct_fields__}


def _set_fields(struct: msgspec.Struct, names: Iterable[str]) -> Said:
    found: Said = {}
    for name in names:
        value = getattr(struct, name)
        if isinstance(value, msgspec.Struct):
            value = _set_fields(value, value.__struct_fields__) or None
        if value is not None:
            found[name] = value
    return found


HOUSE: Final = _of_the_house()
"""What holds where no level says anything."""
