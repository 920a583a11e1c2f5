"""The version of a release: it stands in `gateway/__init__.py`, and a tag repeats it.

It is read from there and not from git, so that a sdist, which has no git, builds the same. So the
tag is held against it: `v` and the version. The change log must have a part for it.
"""

import re
import sys
from pathlib import Path

from tools.release.verdict import told

ROOT = Path(__file__).parents[2]

VERSION = re.compile(r'^__version__ = "(?P<version>[^"]+)"$', re.MULTILINE)
RELEASED = re.compile(r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)((a|b|rc)\d+)?$")


def version_in(text: str) -> str:
    """Return the version that the package says of itself."""
    found = VERSION.search(text)
    if found is None:
        raise ValueError("the package says no version")
    return found["version"]


def mismatch(tag: str, version: str, changes: str, fragments: int) -> list[str]:
    """Say why this tag may not be released."""
    problems = []
    if not RELEASED.match(version):
        problems.append(f"{version} is no version of a release")
    if tag != f"v{version}":
        problems.append(f"the tag is {tag}, the package says {version}")
    if f"\n## {version} (" not in changes:
        problems.append(f"CHANGELOG.md has no part for {version}")
    if fragments:
        problems.append(f"{fragments} news fragments wait to be gathered")
    return problems


def main(tag: str) -> int:
    """Hold a tag against the version; say what is wrong."""
    version = version_in((ROOT / "src/gateway/__init__.py").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    fragments = len(list((ROOT / "newsfragments").glob("+*.md")))
    problems = mismatch(tag, version, changes, fragments)
    return told(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
