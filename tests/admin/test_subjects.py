"""The whole site: every route with the roles that may take it, told once more by hand (S11)."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.admin.entry.door import Door
from gateway.admin.opening import open_admin
from gateway.admin.renewing import Renewing
from gateway.admin.routes import Role
from gateway.admin.site import Site
from gateway.admin.subjects import site_of
from gateway.admin.workers import Workers
from gateway.config.load import load_config
from gateway.office.whole import archive_of, office_of
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions
from tests.admin.visitor import JSON

CONFIG: Final = """\
[admin]
port = 0
key = { env = "ADMIN_KEY" }
viewer_key = { env = "VIEWER_KEY" }

[admin.sign_in]
issuer = "https://id.example.com"
client_id = "gateway"
client_secret = { env = "CLIENT_SECRET" }
authorize_url = "https://id.example.com/authorize"
token_url = "https://id.example.com/token"

[auth]
pepper = { env = "PEPPER" }

[[auth.issuers]]
issuer = "https://id.example.com"
audience = "gateway"
jwks_url = "https://id.example.com/jwks.json"

[store]
database = "sqlite:///gateway.db"

[providers.echo]
"""

SECRETS: Final = {
    "ADMIN_KEY": "the-admins-key-0123456789",
    "VIEWER_KEY": "the-viewers-key-0123456789",
    "CLIENT_SECRET": "the-clients-secret-0123456789",
    "PEPPER": "the-pepper-of-a-test-0123456789",
}

ADMIN, VIEWER, DEVELOPER = Role.ADMIN, Role.VIEWER, Role.DEVELOPER
OPEN: Final = (None, *Role)
ALL: Final = tuple(Role)
LOOKS: Final = (ADMIN, VIEWER)
ASKS: Final = (ADMIN, DEVELOPER)
CHANGES: Final = (ADMIN,)

TABLE: Final = {
    ("GET", "/"): ALL,
    ("GET", "/api/audit"): LOOKS,
    ("GET", "/api/budgets"): LOOKS,
    ("GET", "/api/calls"): ALL,
    ("GET", "/api/calls/<id>"): ALL,
    ("POST", "/api/cancel"): CHANGES,
    ("POST", "/api/reload"): CHANGES,
    ("GET", "/api/gauges"): LOOKS,
    ("GET", "/api/health"): LOOKS,
    ("GET", "/api/keys"): LOOKS,
    ("POST", "/api/keys"): CHANGES,
    ("POST", "/api/keys/change"): CHANGES,
    ("POST", "/api/keys/revoke"): CHANGES,
    ("POST", "/api/keys/rotate"): CHANGES,
    ("GET", "/api/log"): LOOKS,
    ("GET", "/api/me"): ALL,
    ("GET", "/api/models"): LOOKS,
    ("GET", "/api/openapi.json"): ALL,
    ("GET", "/api/plan"): LOOKS,
    ("POST", "/api/playground"): ASKS,
    ("GET", "/api/settings"): LOOKS,
    ("GET", "/api/settings/diff"): LOOKS,
    ("GET", "/api/spend"): LOOKS,
    ("GET", "/api/teams"): LOOKS,
    ("POST", "/api/tickets"): CHANGES,
    ("GET", "/api/tree"): LOOKS,
    ("GET", "/calls"): ALL,
    ("GET", "/calls/<id>"): ALL,
    ("GET", "/health"): LOOKS,
    ("GET", "/healthz"): OPEN,
    ("GET", "/keys"): LOOKS,
    ("GET", "/live"): LOOKS,
    ("GET", "/metrics"): OPEN,
    ("GET", "/mine"): ALL,
    ("GET", "/models"): LOOKS,
    ("GET", "/playground"): ASKS,
    ("GET", "/sign-in"): OPEN,
    ("POST", "/sign-in"): OPEN,
    ("GET", "/sign-in/oidc"): OPEN,
    ("GET", "/sign-in/oidc/back"): OPEN,
    ("POST", "/sign-out"): ALL,
    ("GET", "/spend"): LOOKS,
    ("GET", "/spend.csv"): LOOKS,
    ("GET", "/static/<name>"): OPEN,
}
"""Who may take what. A route that is not here is a hole, and fails."""


class Whole:
    """A site as it is in a process, with workers that nobody hears of."""

    def __init__(self, folder: Path, text: str = CONFIG) -> None:
        (folder / "gateway.toml").write_text(text)
        config = load_config(folder / "gateway.toml", {**os.environ, **SECRETS}, folder)
        self.admin = open_admin(config.admin, 1)
        self.file = (folder / "log").open("w")
        self.log = open_log(LogOptions(), self.file)
        self.office = office_of(config, self.log, archive_of(config, self.log))
        self.folder = folder

    def site(self) -> Site:
        """Put it together, once Trio runs."""
        workers = Workers(self.folder / "nobody", os.getpid())
        renewing = Renewing(lambda: None, self.office.fingerprint)
        return site_of(self.admin, workers, self.office, self.log, renewing)

    def close(self) -> None:
        assert self.office.archive is not None
        self.office.archive.close()
        self.log.close()
        self.file.close()
        self.admin.sock.close()
        self.admin.used.close()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    opened = Whole(tmp_path)
    yield opened
    opened.close()


async def test_s11_the_table_is_the_one_that_is_tested(whole: Whole) -> None:
    site = whole.site()
    found = {
        (route.method, route.path): OPEN if route.who is None else tuple(sorted(route.who))
        for route in site.routes()
    }
    assert found == {row: who if None in who else tuple(sorted(who)) for row, who in TABLE.items()}
    rules = {
        (method, rule.rule)
        for rule in site.app().url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    assert rules == set(TABLE)


async def test_s11_no_role_takes_what_its_row_does_not_name(whole: Whole) -> None:
    """Whoever may take it is not told 401 or 403, whatever else: nothing stands behind here."""
    site = whole.site()
    client: Any = site.app().test_client(use_cookies=False)
    known = {
        ADMIN: {"authorization": f"Bearer {SECRETS['ADMIN_KEY']}"},
        VIEWER: {"authorization": f"Bearer {SECRETS['VIEWER_KEY']}"},
        None: {},
    }
    wrong = []
    for (method, path), who in TABLE.items():
        if path == "/sign-in" and method == "POST":
            continue  # who shows nothing there is told 401
        asked = path.replace("<id>", "req_1").replace("<name>", "app.css")
        for role, shown in known.items():
            headers = {"host": "localhost", **shown, **(JSON if method == "POST" else {})}
            response = await client.open(asked, method=method, headers=headers, data=b"{}")
            expected = {401} if role is None else {403}
            closed = response.status_code in expected
            if closed is (role in who):
                wrong.append((method, path, role, response.status_code))
    assert wrong == []


async def test_behind_https_a_session_is_a_secure_one_and_the_audit_knows_from_where(
    tmp_path: Path,
) -> None:
    at = 'port = 0\nurl = "https://gateway.example.com"'
    with closing(Whole(tmp_path, CONFIG.replace("port = 0", at, 1))) as whole:
        client: Any = whole.site().app().test_client(use_cookies=False)
        response = await client.post(
            "/sign-in",
            headers={"host": "gateway.example.com"},
            form={"credential": SECRETS["ADMIN_KEY"]},
            scope_base={"client": ("192.0.2.7", 1)},
        )
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-gateway-session=")
    assert "; Secure" in cookie
    assert "192.0.2.7" in (tmp_path / "log").read_text()


async def test_r27_without_a_key_of_its_own_it_answers_no_other_name(tmp_path: Path) -> None:
    keyless = "\n".join(line for line in CONFIG.splitlines() if "_KEY" not in line)
    with closing(Whole(tmp_path, keyless)) as whole:
        client: Any = whole.site().app().test_client(use_cookies=False)
        for host, status in (("localhost", 200), ("evil.example", 403)):
            assert (await client.get("/healthz", headers={"host": host})).status_code == status


def test_a_door_knows_nobody_by_default() -> None:
    assert Door([], loopback_only=True).who("") is None
