"""The list of locked packages: what stands in it, and whether it is what the project asks for.

The list is made by `nox -s lock`. Each package has one version and the hashes of its files, so that
an installer takes these files or none.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.release.verdict import told

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "deploy/container/requirements.lock"
TOOLS = ROOT / "tools/release/tools.lock"
BACKEND = ROOT / "tools/release/build.lock"

PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+))?")
HASH = re.compile(r"^--hash=sha256:[0-9a-f]{64}$")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


class Unreadable(Exception):
    """A line of a lock is neither a pin, nor a hash, nor a remark."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock; `marker` says where it is for, if not for everywhere."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def is_for_linux(self) -> bool:
        """Say whether it is installed with CPython on Linux, in one of the versions we run on."""
        return not self.marker or any(_holds(self.marker, python) for python in PYTHONS)


def read(text: str) -> list[Pin]:
    """Read a lock; raise Unreadable where it holds anything but pins with their hashes."""
    pins = []
    for line in _joined(text):
        words = line.split(" --hash=")
        found = PIN.fullmatch(words[0].strip())
        hashes = tuple(f"--hash={word.strip()}" for word in words[1:])
        if found is None or not all(HASH.match(each) for each in hashes):
            raise Unreadable(line[:80])
        marker = (found["marker"] or "").strip()
        pins.append(Pin(found["name"], found["version"], marker, hashes))
    return pins


def unmet(project: Mapping[str, Any], pins: Iterable[Pin]) -> list[str]:
    """Say what the project asks for, with all its extras, and the lock does not give."""
    asked = [*project["dependencies"]]
    for extra in project.get("optional-dependencies", {}).values():
        asked += extra
    return not_given(asked, pins)


def not_given(asked: Iterable[str], pins: Iterable[Pin]) -> list[str]:
    """Say which requirements the lock does not give."""
    versions = {pin.name: pin.version for pin in pins}
    problems = []
    for requirement in map(Requirement, asked):
        version = versions.get(canonicalize_name(requirement.name))
        if version is None:
            problems.append(f"{requirement.name} is not locked")
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement} is asked for, {version} is locked")
    return problems


def unsafe(pins: Iterable[Pin]) -> list[str]:
    """Find what has no hash, or stands twice."""
    pins = list(pins)
    names = [pin.name for pin in pins]
    problems = [f"{pin.name} has no hash" for pin in pins if not pin.hashes]
    return problems + [
        f"{name} stands twice" for name in sorted(set(names)) if names.count(name) > 1
    ]


def _joined(text: str) -> Iterator[str]:
    """Yield what a backslash at the end of a line holds together, remarks left out."""
    kept = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        kept += line.strip().removesuffix("\\").rstrip() + " "
        if not line.endswith("\\"):
            yield kept.strip()
            kept = ""
    if kept:
        yield kept.strip()


def _holds(marker: str, python: str) -> bool:
    place: dict[str, str | AbstractSet[str]] = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    return Marker(marker).evaluate(place)


def main() -> int:
    """Check the three locks; say what is wrong."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locks = {path: read(path.read_text(encoding="utf-8")) for path in (RUNTIME, TOOLS, BACKEND)}
    problems = [problem for pins in locks.values() for problem in unsafe(pins)]
    problems += unmet(project["project"], locks[RUNTIME])
    problems += not_given(project["dependency-groups"]["release"], locks[TOOLS])
    problems += not_given(project["build-system"]["requires"], locks[BACKEND])
    return told(problems)


if __name__ == "__main__":
    sys.exit(main())
