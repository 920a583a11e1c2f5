"""Developers of a LiteLLM go on with the keys that they have, and so does their money."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.__main__ import cli
from tests.commands.moving.litellm_source import Litellm
from tests.commands.moving.parsed import TEXT
from tests.config.texts import write
from tests.process import Gateway, gateway
from tests.rows_client import Told, ask, request
from tests.store.real_postgres import running

DEVELOPERS = 2000
LATER = "2999-01-01"
TEAM = {
    "team_id": "t-1",
    "team_alias": "research",
    "models": ["mini"],
    "max_budget": 100.0,
    "budget_duration": "30d",
    "spend": 70.0,
    "budget_reset_at": LATER,
}


def secret_of(developer: int) -> str:
    return f"sk-{developer:022}"


@pytest.fixture(scope="module")
def source() -> Litellm:
    """Return a LiteLLM of 2,000 developers: all but one have money left, one team is blocked."""
    made = Litellm(running())
    made.add("TeamTable", [TEAM, {"team_id": "t-2", "team_alias": "shut", "blocked": True}])
    made.keys(
        *(
            {
                "secret": secret_of(developer),
                "key_alias": f"developer-{developer}",
                "team_id": "t-2" if developer == 2 else "t-1",
                "max_budget": 1.0,
                "budget_duration": "30d",
                "budget_reset_at": LATER,
                "spend": 1.0 if developer == 1 else 0.25,
            }
            for developer in range(DEVELOPERS)
        )
    )
    return made


def run(source: Litellm, folder: Path, *options: str) -> tuple[str, str]:
    """Take over what is there; return what stands on stdout and on stderr."""
    command = ["import", "litellm", "--database", "env:THEIRS", "--into"]
    file = str(folder / "gateway.toml")
    found = CliRunner().invoke(cli, [*command, file, *options], env={"THEIRS": source.url})
    assert found.exit_code == 0, found.output
    return found.stdout, found.stderr


async def call(real: Gateway, secret: str, model: str = "mini") -> Told:
    shown = f"authorization: Bearer {secret}"
    return await ask(real, request(shown, model=model, stream=False))


async def test_two_thousand_keys_open_here_what_they_opened_there(
    source: Litellm, tmp_path: Path
) -> None:
    write(TEXT, tmp_path)
    before = source.everything()
    part, said = run(source, tmp_path)
    assert f"{DEVELOPERS:,} keys of LiteLLM's are taken over" in said
    with gateway(tmp_path, TEXT + part) as real:
        told = await call(real, secret_of(0))
        assert (told.status, told.line["key"], told.line["team"]) == (
            200,
            "developer-0",
            "research",
        )
        spent = await call(real, secret_of(1))
        assert (spent.status, spent.error["code"]) == (429, "insufficient_quota")
        assert (await call(real, secret_of(2))).status == 401
        assert (await call(real, secret_of(0), "gpt-5.2")).status == 404
        assert (await call(real, secret_of(DEVELOPERS - 1))).status == 200
        assert (await call(real, secret_of(DEVELOPERS))).status == 401
    again, said = run(source, tmp_path)
    assert again == ""
    assert "Nothing is changed: 2,000 keys and 2,001 opening balances are here already." in said
    assert source.everything() == before
