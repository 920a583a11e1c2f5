"""The admin's routes and its API's description, of a site with all that a configuration can add."""

import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import trio

from gateway import __version__
from gateway.admin.openapi import describe
from gateway.admin.routes import Route
from tests.admin.test_subjects import Whole


@cache
def routes() -> tuple[Route, ...]:
    """Return all routes of the operator's site."""
    with tempfile.TemporaryDirectory() as folder, closing(Whole(Path(folder))) as whole:

        async def asked() -> tuple[Route, ...]:
            return tuple(whole.site().routes())

        return trio.run(asked)


def described() -> dict[str, Any]:
    """Return what `GET /api/openapi.json` says."""
    return describe(routes(), __version__, "gateway-session")
