"""Installs peers from their registries, each into an environment of its own, once."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.peers.peer import Installed, Missing, Ready, Say

TIMEOUT: Final = 900
"""Seconds for one installation."""

TOOLS: Final = {"pip", "setuptools", "wheel"}
"""What is in an environment before anything was installed."""

STAMP: Final = "installed.json"


class Stamp(msgspec.Struct, frozen=True):
    """What was asked for, and what it came to; written once all of it was there."""

    wanted: tuple[str, ...]
    version: str
    megabytes: float
    packages: int


def environment(
    folder: Path, name: str, wanted: Sequence[str], say: Say, mark: str = ""
) -> Ready | Missing:
    """Install packages from PyPI into a virtual environment, unless they are there already.

    `name` is the package whose version is told; `mark` changes where it must be installed again.
    """
    asked = (*wanted, mark)
    if (ready := _installed_before(folder, asked)) is not None:
        return ready
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"installing {name}")
    missing = _run([sys.executable, "-m", "venv", str(folder)], folder.parent, "venv")
    if missing is not None:
        return missing
    before = size(folder)
    arguments = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    missing = _run([*arguments, *wanted], folder.parent, "pip")
    if missing is not None:
        return missing
    found = distributions(folder)
    if name not in found:
        return Missing(f"pip installed no {name}")
    return _stamp(folder, asked, found[name], Installed(size(folder) - before, len(found)))


def distributions(folder: Path) -> dict[str, str]:
    """Return the packages in a virtual environment with their versions, without its tools."""
    paths = [str(path) for path in folder.glob("lib/python*/site-packages")]
    found = importlib.metadata.distributions(path=paths)
    versions = {one.metadata["Name"].lower().replace("_", "-"): one.version for one in found}
    return {name: version for name, version in versions.items() if name not in TOOLS}


def node_modules(folder: Path, name: str, overrides: dict[str, str], say: Say) -> Ready | Missing:
    """Install a package from npm, without running what it would run, unless it is there already."""
    wanted = (name, *(f"{key}@{value}" for key, value in overrides.items()))
    if (ready := _installed_before(folder, wanted)) is not None:
        return ready
    if shutil.which("npm") is None or shutil.which("node") is None:
        return Missing("node and npm are not installed")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"installing {name}")
    package = {"private": True, "overrides": overrides}
    (folder / "package.json").write_bytes(msgspec.json.encode(package))
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    missing = _run(["npm", "install", *flags, name], folder, "npm")
    if missing is not None:
        return missing
    lock = msgspec.json.decode((folder / "package-lock.json").read_bytes())
    packages = {path: each for path, each in lock["packages"].items() if path}
    version = packages[f"node_modules/{name}"]["version"]
    modules = folder / "node_modules"
    return _stamp(folder, wanted, version, Installed(size(modules), len(packages)))


def size(folder: Path) -> float:
    """Add up the files below a folder, in megabytes of 1,000,000 bytes; links count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not path.is_symlink():
                total += path.stat().st_size
    return total / 1e6


def _installed_before(folder: Path, wanted: Sequence[str]) -> Ready | None:
    try:
        stamp = msgspec.json.decode((folder / STAMP).read_bytes(), type=Stamp)
    except (OSError, msgspec.MsgspecError):
        return None
    if stamp.wanted != tuple(wanted):
        return None
    return Ready(stamp.version, folder, Installed(stamp.megabytes, stamp.packages))


def _stamp(folder: Path, wanted: Sequence[str], version: str, installed: Installed) -> Ready:
    stamp = Stamp(tuple(wanted), version, installed.megabytes, installed.packages)
    (folder / STAMP).write_bytes(msgspec.json.encode(stamp))
    return Ready(version, folder, installed)


def _run(arguments: Sequence[str], folder: Path, tool: str) -> Missing | None:
    """Run an installer; its last line on stderr says why it failed."""
    try:
        done = subprocess.run(
            arguments, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Missing(f"{tool} failed: {type(error).__name__}")
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    return Missing(f"{tool} failed: {said[-1][:200]}")
