"""Collected only where somebody asks for it: `nox -s live`. Its calls go out and cost money."""

import os

ASKED = "GATEWAY_LIVE"

collect_ignore_glob = [] if os.environ.get(ASKED) else ["test_*.py"]
