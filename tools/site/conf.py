"""How Sphinx makes a site of the pages: `nox -s docs`. They are read where they stand.

Nothing is fetched, neither now nor by whoever reads: no font, no script of another site's.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# The builder reads this file alone, and knows of no project around it.
sys.path.insert(0, str(ROOT))

from tools.site.navigation import FRONT, INDEX, page_of, trees  # noqa: E402 (see above)

project = "nursery-gateway"
author = "The authors of nursery-gateway"

root_doc = FRONT
source_suffix = {".md": "markdown"}
include_patterns = [
    *("*.md", "docs/*.md", "docs/**/*.md", "deploy/**/*.md"),
    *("benchmarks/*.md", "newsfragments/README.md"),
]
exclude_patterns = [
    ".*", "build", "dist", "src", "tests", "tools", "docs/reliability.in.md", "**/node_modules",
]  # fmt: skip

extensions = ["myst_parser"]
myst_heading_anchors = 6
suppress_warnings = ["myst.header"]  # a part may begin with a heading of the third level
nitpicky = True
smartquotes = False

html_theme = "furo"
html_title = project
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "index.html"}
templates_path = ["templates"]
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "native"
html_theme_options: dict[str, Any] = {"navigation_with_keys": True}

_LINK = re.compile(r"\]\(([^()#:\s]+)\)")


def read(app: Any, name: str, text: list[str]) -> None:
    """Give the front page the navigation, and a link to a folder the page that tells of it."""
    here = (ROOT / name).parent
    text[0] = _LINK.sub(lambda link: f"]({page_of(link[1], here)})", text[0])
    if name == FRONT:
        text[0] += trees((ROOT / INDEX).read_text(encoding="utf-8"))


def copy_pictures(app: Any, failed: Exception | None) -> None:
    """Bring along what pages show by tags of HTML, which the builder does not look into."""
    if failed is None and app.builder.format == "html":
        shutil.copytree(ROOT / "docs/img", Path(app.outdir) / "docs/img", dirs_exist_ok=True)


def setup(app: Any) -> None:
    """Say to the builder what is ours."""
    app.connect("source-read", read)
    app.connect("build-finished", copy_pictures)
