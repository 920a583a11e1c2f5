"""An office without a part is one all the same: what is not there is not shown."""

import os
from pathlib import Path

from gateway.admin.office import Office
from gateway.admin.opening import open_admin
from gateway.admin.options import AdminOptions
from gateway.admin.renewing import Renewing
from gateway.admin.subjects import site_of
from gateway.admin.workers import Workers
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions

NEEDS = {
    "/models": "a catalogue", "/health": "settings", "/playground": "a way to the listener",
    "/sign-in/oidc": "an issuer", "/keys": "a desk of keys", "/mine": "a desk of keys",
}  # fmt: skip


async def test_an_empty_office_has_the_pages_that_need_no_part(tmp_path: Path) -> None:
    admin = open_admin(AdminOptions(port=0), 1)
    with admin.sock, (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        whole = site_of(
            admin, Workers(tmp_path, os.getpid()), Office(), log, Renewing(lambda: None, "")
        )
        paths = {route.path for route in whole.routes()}
    admin.used.close()
    assert not NEEDS.keys() & paths
    assert {"/live", "/calls", "/spend", "/sign-in", "/metrics"} <= paths
    assert Office().services == ()
    assert Office().trusted_proxies == frozenset()
