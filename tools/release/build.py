"""Builds sdist and wheel twice, under different circumstances, and demands the same bytes.

The second time the sources stand in another folder, with other rights, another time zone and
another locale, and the wheel is built from the sdist. What builds is locked by hash (`build.lock`).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.release import contents
from tools.release.lock import BACKEND, ROOT
from tools.release.verdict import told

LOCKED = ("--build-constraints", str(BACKEND), "--require-hashes")
SOURCES = ("src", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", ".gitignore")
ELSEWHERE = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "PYTHONHASHSEED": "7"}


def build(source: Path, into: Path, stamp: str, environ: Mapping[str, str]) -> dict[str, bytes]:
    """Build sdist and wheel of these sources; return both by their names."""
    subprocess.run(
        ["uv", "build", "--quiet", "--no-config", "--out-dir", str(into), *LOCKED, str(source)],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": stamp, **environ},
    )
    return {path.name: path.read_bytes() for path in _artefacts(into)}


def wheel_alone(source: Path, into: Path, stamp: str) -> dict[str, bytes]:
    """Build the wheel from the sources, with no sdist between."""
    subprocess.run(
        ["uv", "build", "--quiet", "--no-config", "--wheel", "--out-dir", str(into), *LOCKED,
         str(source)],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": stamp},
    )  # fmt: skip
    return {path.name: path.read_bytes() for path in _artefacts(into)}


def tracked(into: Path) -> Path:
    """Copy what git holds of the sources, and nothing that lies about, into a folder; return it."""
    into.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *SOURCES], check=True, cwd=ROOT, capture_output=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, into / name)
            (into / name).chmod(0o600)
    return into


def differences(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> list[str]:
    """Say which files two builds do not share, byte by byte."""
    problems = [f"{name} was built once" for name in sorted(first.keys() ^ second.keys())]
    return problems + [
        f"{name} differs: {_digest(first[name])} and {_digest(second[name])}"
        for name in sorted(first.keys() & second.keys())
        if first[name] != second[name]
    ]


def holdings(folder: Path) -> list[str]:
    """Say what the built files hold that they may not, or lack."""
    problems = []
    for path in _artefacts(folder):
        if path.suffix == ".whl":
            names = contents.names_of_wheel(path)
            problems += contents.strangers_in_wheel(names) + contents.lacking(names)
        else:
            names = contents.names_of_sdist(path)
            problems += contents.strangers_in_sdist(names)
        problems += contents.twice(names)
    return problems


def _artefacts(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def main(into: str, stamp: str) -> int:
    """Build into a folder, which is emptied first; `stamp` is the second of the commit."""
    folder = Path(into)
    shutil.rmtree(folder, ignore_errors=True)
    first = build(ROOT, folder, stamp, {})
    with tempfile.TemporaryDirectory() as scratch:
        again = tracked(Path(scratch) / "another/place")
        second = build(again, Path(scratch) / "built", stamp, ELSEWHERE)
        direct = wheel_alone(ROOT, Path(scratch) / "direct", stamp)
    wheel = {name: data for name, data in first.items() if name.endswith(".whl")}
    problems = differences(first, second) + differences(wheel, direct) + holdings(folder)
    for name, data in first.items():
        print(hashlib.sha256(data).hexdigest(), name, len(data))
    return told(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
