"""Holds the bill of materials against what is locked, and completes it.

It is made of what is installed, by CycloneDX's own tool. This takes the gateway out of the list of
its parts and makes it the whole; it adds the hashes of the lock, which an installed package has no
longer, and the licences as docs/licences.md has them.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tools.release.licences import PAGE, Row, on_linux, rows_on
from tools.release.lock import Pin
from tools.release.verdict import told

OURS = "nursery-gateway"
SEEDS = frozenset({"pip", "setuptools", "uv", "wheel"})
"""What an environment may hold for the sake of installing."""

Fields = dict[str, Any]


def differs(bill: Mapping[str, Any], pins: Iterable[Pin]) -> list[str]:
    """Say where the bill is not what is locked."""
    locked = {pin.name: pin.version for pin in pins}
    listed = {_name(component): component["version"] for component in bill.get("components", [])}
    problems = [] if OURS in listed else [f"{OURS} is not listed"]
    names = listed.keys() - SEEDS - {OURS}
    problems += [f"{name} is locked and not listed" for name in sorted(locked.keys() - names)]
    problems += [f"{name} is listed and not locked" for name in sorted(names - locked.keys())]
    return problems + [
        f"{name} is listed as {listed[name]}, locked as {locked[name]}"
        for name in sorted(names & locked.keys())
        if listed[name] != locked[name]
    ]


def completed(bill: Mapping[str, Any], pins: Iterable[Pin], rows: Iterable[Row]) -> Fields:
    """Return the bill of the gateway, with the digests and the licence of each of its parts."""
    digests = {pin.name: [each.rpartition(":")[2] for each in pin.hashes] for pin in pins}
    licences = {row.name: row.licence for row in rows}
    components = {_name(component): component for component in bill["components"]}
    parts = [
        _part(component, digests[name], licences[name])
        for name, component in sorted(components.items())
        if name not in SEEDS | {OURS}
    ]
    whole = _whole(components[OURS])
    return {**bill, "metadata": {**bill["metadata"], "component": whole}, "components": parts}


def _name(component: Mapping[str, Any]) -> str:
    return canonicalize_name(component["name"])


def _whole(component: Mapping[str, Any]) -> Fields:
    """Return the gateway as what the bill is of, without the folder it was installed from."""
    kept = {name: value for name, value in component.items() if name != "externalReferences"}
    version = component["version"]
    return {**kept, "type": "application", "purl": f"pkg:pypi/{OURS}@{version}"}


def _part(component: Mapping[str, Any], digests: Iterable[str], licence: str) -> Fields:
    locked = [{"name": f"{OURS}:locked:sha256", "value": digest} for digest in sorted(digests)]
    properties = [*component.get("properties", []), *locked]
    return {**component, "licenses": [{"expression": licence}], "properties": properties}


def main(path: str) -> int:
    """Check the bill at this path, and complete it."""
    bill = json.loads(Path(path).read_text(encoding="utf-8"))
    pins = on_linux()
    problems = differs(bill, pins)
    if not problems:
        whole = completed(bill, pins, rows_on(PAGE.read_text(encoding="utf-8")))
        Path(path).write_text(json.dumps(whole, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return told(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
