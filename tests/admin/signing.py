"""Sign-in at an issuer on a real socket, and a browser that goes there and comes back."""

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trio

from gateway.admin.audit import Audit
from gateway.admin.entry.attempts import Attempts
from gateway.admin.entry.entrance import Entrance
from gateway.admin.entry.guard import Guard
from gateway.admin.entry.oidc import BACK, START, Oidc
from gateway.admin.entry.reception import SignIn
from gateway.admin.entry.tickets import Tickets, shared_page
from gateway.admin.entry.trips import Trips
from gateway.admin.site import Site
from gateway.policy.issuers import Issuer, Members
from gateway.policy.keys import Team
from gateway.policy.sign_in import Reception
from gateway.upstream.code_flow import CodeFlow, Places, Registration
from gateway.upstream.dial import Dialer
from gateway.upstream.jwks import Jwks
from gateway.upstream.probe import client_on
from gateway.upstream.signatures import read_keys
from gateway.upstream.transport import Transport
from gateway.words.secret import Secret
from tests.admin.test_audit import Heard
from tests.admin.visitor import door, guard
from tests.issuing import CLIENT_ID, CLIENT_SECRET, Issuing
from tests.stage import TODAY

HERE = "http://localhost:4001"


@dataclass
class Scene:
    """An issuer, a site where one signs in there, and what the site's log was told."""

    issuing: Issuing
    sign_in: SignIn
    site: Site
    guard: Guard
    transport: Transport
    heard: Heard = field(default_factory=Heard)

    def close(self) -> None:
        self.transport.pool.close_unused()

    @property
    def reasons(self) -> list[str]:
        """Why nobody was signed in."""
        return [said["reason"] for _, event, said in self.heard.lines if event == "sign-in refused"]


async def scene(nursery: trio.Nursery, **teams: Team) -> Scene:
    """Open it all."""
    issuing = await Issuing(HERE + BACK, TODAY).open(nursery)
    transport = Transport(Dialer().connect)
    client, heard = client_on(transport), Heard()
    own = replace(guard(), attempts=Hasty())
    keys = Jwks(issuing.name, "", read_keys, Deaf())
    nursery.start_soon(keys.serve, client)
    known = Registration(issuing.name, CLIENT_ID, Secret(CLIENT_SECRET), Places("", ""))
    issuer = Issuer(issuing.name, (CLIENT_ID,))
    reception = Reception(issuer, frozenset({"ops"}), frozenset({"audit"}), Members(teams))
    flow = CodeFlow(known, client)
    sign_in = SignIn("The House", "openid", reception, flow, keys, lambda: TODAY, heard)
    audit = Audit(heard, None, whence=own.address)
    tickets = Tickets(Secret("t" * 32), shared_page(), lambda: 0.0)
    oidc = Oidc(sign_in, Trips(Secret("k" * 43)), own, audit, HERE)
    entrance = Entrance(door(), tickets, own, audit, sign_in.name)
    return Scene(issuing, sign_in, Site((entrance, oidc), own, "1"), own, transport, heard)


class Hasty(Attempts):
    """Counts what is wrong, and has nobody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = 0

    async def note(self, address: str) -> None:
        self.wrong += 1


class Deaf:
    """A log that keeps nothing."""

    def warning(self, event: str, **fields: object) -> None: ...

    def info(self, event: str, **fields: object) -> None: ...


class Browser:
    """Keeps cookies and follows the way by hand."""

    def __init__(self, here: Scene) -> None:
        self._client = here.site.app().test_client()
        self._scene = here

    async def get(self, path: str, **headers: str) -> Any:
        """Fetch something from the site."""
        fields = {"host": "localhost", "accept": "text/html"} | headers
        return await self._client.get(path, headers=fields)

    async def leave(self) -> str:
        """Begin to sign in; return where the issuer is."""
        response = await self.get(START)
        assert response.status_code == 303
        return str(response.headers["location"])

    async def consent(self, url: str) -> dict[str, str]:
        """Sign in at the issuer; return what one is sent back with."""
        client = client_on(self._scene.transport)
        response = await client.get(url)
        assert response.status_code == 302, response.text
        to, _, query = response.headers["location"].partition("?")
        assert to == HERE + BACK
        return {name: values[0] for name, values in parse_qs(query).items()}

    async def come_back(self, said: dict[str, str]) -> Any:
        """Come back as a browser does, which is by a redirect from another site."""
        fields = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        return await self._client.get(
            BACK,
            query_string=said,
            headers={"host": "localhost", "accept": "text/html", **fields},
        )

    async def sign_in(self) -> Any:
        """Go all the way."""
        return await self.come_back(await self.consent(await self.leave()))

    async def goes_to(self) -> str:
        """Return where the site sends one from its first page; `/sign-in` is out."""
        return str(urlsplit((await self.get("/")).headers["location"]).path)
