"""What a wheel and a sdist hold: our package and its papers, and nothing else.

A file with the ending `.pth` at the top of a wheel would be run at every start of Python, so the
endings that are known are listed, and not those that are feared.
"""

import re
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from tools.release.verdict import told

PACKAGE = "gateway"

ENDINGS = frozenset({".css", ".html", ".js", ".json", ".lua", ".py", ".sql", ".svg", ".typed"})
"""What the package is made of."""

PAPERS = frozenset({"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"})
"""What stands beside the package in a wheel, in its folder of metadata."""

WRITTEN = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""What an installer adds to them."""

SEEDED = frozenset({"_virtualenv.pth"})
"""What a new environment holds before anything is installed there."""

PACKAGES = 45
"""So many may be installed without an extra, ours with them."""

ROOTS = frozenset({
    ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml",
})  # fmt: skip
"""What a sdist holds beside `src/gateway`."""

FOLDERS = ("admin/static", "admin/templates", "store/lua", "store/migrations/postgres",
           "store/migrations/sqlite")  # fmt: skip
FILES = ("__init__.py", "__main__.py", "policy/price_table.json", "py.typed")

METADATA = re.compile(r"^nursery_gateway-[0-9][0-9a-z.]*\.dist-info$")
BYTECODE = re.compile(r"^gateway/([a-z0-9_]+/)*__pycache__/[a-z0-9_]+\.cpython-\d+\.pyc$")
SDIST = re.compile(r"^nursery_gateway-[0-9][0-9a-z.]*$")


def names_of_wheel(path: Path) -> list[str]:
    """Return the names of all files in a wheel."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def names_of_sdist(path: Path) -> list[str]:
    """Return the names of all files in a sdist; what is neither file nor folder has a mark."""
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if not member.isdir()]
    return [member.name if member.isfile() else f"{member.name} (no file)" for member in members]


def strangers_in_wheel(names: Iterable[str]) -> list[str]:
    """Find what is neither a file of the package nor one of the known papers."""
    return [name for name in names if not (is_ours(name) or _is_paper(name))]


def strangers_in_sdist(names: Iterable[str]) -> list[str]:
    """Find what a wheel is not made of."""
    return [name for name in names if not _is_source(name)]


def lacking(names: Iterable[str]) -> list[str]:
    """Say what a wheel should hold and does not."""
    present = set(names)
    wanted = [f"{PACKAGE}/{name}" for name in FILES]
    problems = [f"no {name}" for name in wanted if name not in present]
    return problems + [
        f"nothing in {PACKAGE}/{folder}"
        for folder in FOLDERS
        if not any(name.startswith(f"{PACKAGE}/{folder}/") for name in present)
    ]


def twice(names: Iterable[str]) -> list[str]:
    """Find names that stand more than once: two readers could unpack them differently."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


def is_ours(name: str) -> bool:
    """Say whether this is the name of a file of the package, by its place and its ending."""
    path = PurePosixPath(name)
    within = len(path.parts) > 1 and path.parts[0] == PACKAGE and path.as_posix() == name
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return within and not hidden and path.suffix in ENDINGS


def _is_paper(name: str) -> bool:
    folder, _, paper = name.partition("/")
    return bool(METADATA.match(folder)) and paper in PAPERS


def _is_source(name: str) -> bool:
    folder, _, rest = name.partition("/")
    if not SDIST.match(folder):
        return False
    return rest in ROOTS or (rest.startswith("src/") and is_ours(rest.removeprefix("src/")))


def installed(site: Path) -> list[str]:
    """Find what runs at each start of Python, and what installing us brought beside our package."""
    problems = [path.name for path in sorted(site.glob("*.pth")) if path.name not in SEEDED]
    records = sorted(site.glob("nursery_gateway-*.dist-info/RECORD"))
    for record in records:
        names = [line.rpartition(",")[0].rpartition(",")[0] for line in _lines(record)]
        problems += [name for name in names if not (is_ours(name) or _is_brought(name))]
    problems += [] if len(records) == 1 else [f"it is installed {len(records)} times"]
    packages = len(list(site.glob("*.dist-info")))
    return problems + ([f"{packages} packages are installed"] if packages > PACKAGES else [])


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _is_brought(name: str) -> bool:
    """Say whether this is a paper, one that the installer writes, bytecode, or our one program."""
    folder, _, paper = name.partition("/")
    noted = bool(METADATA.match(folder)) and paper in PAPERS | WRITTEN
    return noted or name == "../../../bin/gateway" or bool(BYTECODE.match(name))


def main(site: str) -> int:
    """Check what is installed in this folder; say what is wrong."""
    problems = installed(Path(site))
    return told(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
