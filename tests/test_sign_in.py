"""Sign-in by OIDC with a real gateway, a real issuer and a client that keeps its cookies."""

import time
from pathlib import Path

import httpx2
import trio

from tests.issuing import CLIENT_ID, Issuing
from tests.process import free_port, gateway

CONFIG = """
[admin]
host = "127.0.0.1"
[admin.sign_in]
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = {{ file = "secret" }}
name = "The House"
admins = ["oidc:ops"]
"""


async def test_an_operator_signs_in_at_the_issuer_and_asks_the_api_by_the_session(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    issuing = await Issuing(f"{here}/sign-in/oidc/back", time.time_ns() / 1e9).open(nursery)
    issuing.user = {"sub": "ada", "email": "ada@example.com", "groups": ["ops"]}
    secret = tmp_path / "secret"
    secret.write_text("plain-secret-of-a-client")
    secret.chmod(0o600)
    config = CONFIG.format(issuer=issuing.name, client_id=CLIENT_ID)
    issuing.secret = secret.read_text()
    with gateway(tmp_path, config, "--admin-port", str(port)) as real:
        await real.wait_for_admin()
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as browser:
            page = await browser.get(f"{here}/sign-in")
            assert "Sign in with The House" in page.text
            answer = await browser.get(f"{here}/sign-in/oidc", follow_redirects=True)
            assert answer.status_code == 200, answer.text
            assert "You have signed in." in answer.text
            assert len(answer.history) == 2
            gauges = await browser.get(f"{here}/api/gauges")
            assert gauges.status_code == 200
            home = await browser.get(f"{here}/")
            assert home.headers["location"] == "/live"
            forged = await browser.post(f"{here}/api/cancel", json={"id": "req_1"})
            assert forged.status_code == 403
        with trio.fail_after(5):
            while not real.lines("audit"):
                await trio.sleep(0.01)
        (line,) = real.lines("audit")
        assert (line["who"], line["role"], line["action"]) == (
            "ada (ada@example.com)",
            "admin",
            "sign in",
        )
        said = real.log.read_text()
    assert issuing.secret not in said
    assert "code-0" not in said
