"""Under which licences the locked packages come; makes docs/licences.md of their own metadata.

`python -m tools.release.licences SITE_PACKAGES [PAGE]`: reads what is installed there, and compares
the page with it, or writes it. A licence that asks for more than to be named stands on a list with
the reason why it may come along.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import cast

from packaging.utils import canonicalize_name

from tools.release.lock import ROOT, RUNTIME, Pin, read
from tools.release.verdict import told

PAGE = ROOT / "docs/licences.md"

PERMISSIVE = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0",
})  # fmt: skip

EXCUSED = {
    "psycopg": "LGPL: a library of its own, installed beside and never copied into ours; only with "
    "`[postgres]`, and anybody may put another in its place",
    "psycopg-binary": "the same; it carries libpq and what that needs, each as a shared library: "
    "permissive ones, libkeyutils and libcrypt under the LGPL too",
}
"""Packages under a licence that is not permissive, and why they may come along."""

SPELLED = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
}
"""What older metadata says in words of its own."""

READ = {
    "google-re2": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
}
"""Packages whose metadata leave it open, and what their licence files say."""

HEAD = """# Licences

Under which licences the packages come that a release is locked to
([requirements.lock](../deploy/container/requirements.lock)), with all extras, on Linux:
{count} packages.
The gateway itself is under [Apache-2.0](../LICENSE); its wheel holds no code of others, and one
[table of data](dependencies.md). `nox -s lock` makes this page of the packages' own metadata; a
test refuses a licence that is neither permissive nor named below.

| package | version | licence |
|---|---|---|
"""

ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<version>\S+) \| (?P<licence>[^|]+) \|$")


@dataclass(frozen=True, slots=True)
class Row:
    """One package: its name, its version and its licence as an expression of SPDX."""

    name: str
    version: str
    licence: str


def row_of(package: Distribution) -> Row:
    """Read what a package says of itself."""
    name = canonicalize_name(package.metadata["Name"])
    return Row(name, package.version, READ.get(name) or _said(package))


def _said(package: Distribution) -> str:
    metadata = cast("Message", package.metadata)
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    field = str(metadata.get("License") or "").strip()
    if field and "\n" not in field and "License ::" not in field:
        return SPELLED.get(field, field)
    named = [
        str(classifier).rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier") or []
        if str(classifier).startswith("License ::")
    ]
    return " AND ".join(SPELLED.get(name, name) for name in named) or "unknown"


def is_permissive(expression: str) -> bool:
    """Say whether it asks for no more than to be named; where `OR` stands one side is enough."""
    flat = expression.replace("(", "").replace(")", "")
    return all(
        any(part.strip() in PERMISSIVE for part in both.split(" OR "))
        for both in flat.split(" AND ")
    )


def refused(rows: Iterable[Row]) -> list[str]:
    """Find packages that may not come along."""
    return [
        f"{row.name} is under {row.licence}"
        for row in rows
        if not is_permissive(row.licence) and row.name not in EXCUSED
    ]


def rows_in(site: Path) -> list[Row]:
    """Return the locked packages that are installed there, in the order of their names."""
    locked = {pin.name for pin in on_linux()}
    found = {row.name: row for row in map(row_of, distributions(path=[str(site)]))}
    return [found[name] for name in sorted(locked & found.keys())]


def on_linux() -> list[Pin]:
    """Return what is locked and installed on Linux."""
    return [pin for pin in read(RUNTIME.read_text(encoding="utf-8")) if pin.is_for_linux()]


def rows_on(page: str) -> list[Row]:
    """Read the rows of the page."""
    found = (ROW.match(line) for line in page.splitlines())
    return [Row(row["name"], row["version"], row["licence"]) for row in found if row]


def render(rows: Iterable[Row]) -> str:
    """Write the page."""
    rows = list(rows)
    lines = [f"| `{row.name}` | {row.version} | {row.licence} |\n" for row in rows]
    excused = [
        f"- `{row.name}` ({row.licence}): {EXCUSED[row.name]}.\n"
        for row in rows
        if row.name in EXCUSED
    ]
    part = "\n## Not permissive, and why it may come along\n\n" if excused else ""
    return HEAD.format(count=len(rows)) + "".join(lines) + part + "".join(excused)


def main(site: str, page: str = "") -> int:
    """Compare the page with what is installed; write it where its path is given."""
    rows = rows_in(Path(site))
    missing = {pin.name for pin in on_linux()} - {row.name for row in rows}
    problems = [f"{name} is locked and not installed" for name in sorted(missing)] + refused(rows)
    text = render(rows)
    if page:
        Path(page).write_text(text, encoding="utf-8")
    elif text != PAGE.read_text(encoding="utf-8"):
        problems.append("docs/licences.md is old: nox -s lock")
    return told(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
