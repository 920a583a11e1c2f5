"""Follows every link of the site that was built: `python -m tools.site.links build/site`.

A page, a picture or a heading that is not there is a mistake, and so is a script, a style or a
picture of another site's.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from os.path import normpath
from pathlib import Path
from typing import Final

ELSEWHERE: Final = re.compile(r"[a-z]+:|//")
DATA: Final = "data:"
FETCHED: Final = {"img", "link", "script", "source"}
LEADS: Final = {"href", "src", "srcset"}


class Page(HTMLParser):
    """What one page has, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.names.add(value)
            elif name in LEADS and value:
                self.links.append((tag, value.split()[0]))


def read(folder: Path) -> dict[str, Page]:
    """Read all pages of a site, by their paths within it."""
    return {
        path.relative_to(folder).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
    }


def mistakes(folder: Path, pages: dict[str, Page]) -> Iterator[str]:
    """Yield each link that leads nowhere, and each thing that would be fetched from elsewhere."""
    for path, page in pages.items():
        for tag, link in page.links:
            if ELSEWHERE.match(link):
                if tag in FETCHED and not link.startswith(DATA):
                    yield f"{path} fetches {link}"
                continue
            place, _, name = link.partition("#")
            place = place.partition("?")[0]
            target = normpath(Path(path).parent / place) if place else path
            if not (folder / target).exists():
                yield f"{path} leads to {link}, which is not there"
            elif name and target in pages and name not in pages[target].names:
                yield f"{path} leads to {link}, and nothing there is called so"


def main(folder: Path) -> int:
    """Tell what is wrong; return how much that is, as far as an exit code can."""
    pages = read(folder)
    found = list(mistakes(folder, pages))
    links = sum(len(page.links) for page in pages.values())
    said = [*found, f"{len(pages)} pages, {links} links, {len(found)} mistakes"]
    sys.stdout.write("\n".join([*said, ""]))
    return min(len(found) + (not pages), 1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
