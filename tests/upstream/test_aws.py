"""Keys of AWS's: told in the configuration, or found by its usual chain."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

import pytest
import trio

from gateway.upstream.aws import LOOKED_AT_EVERY, Aws, Signing
from gateway.upstream.aws_keys import AwsKeys
from gateway.upstream.probe import client_on
from gateway.words.call import UpstreamRequest
from gateway.words.grants import AwsGrant
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target
from tests.stage import TODAY
from tests.token_place import TokenPlace

CLIENT = client_on(TokenPlace(b""))


@contextmanager
def environment(folder: Path, **said: str) -> Iterator[None]:
    """Let AWS's chain see these variables and the files of a folder, and nothing else."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    files = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
    os.environ.update({name: str(folder / file) for name, file in files.items()})
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ.update(said)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def aws(grant: AwsGrant, today: Callable[[], float] = lambda: TODAY) -> Aws:
    return Aws(grant, today, trio.CapacityLimiter(1))


async def keys_of(source: Aws) -> tuple[AwsKeys, float]:
    fetched = await source.fetch(CLIENT)
    assert isinstance(fetched.credentials, Signing)
    return fetched.credentials.keys, fetched.lasts


async def test_a_pair_that_is_told_holds_for_ever() -> None:
    keys, lasts = await keys_of(aws(AwsGrant("", "AKID", Secret("pair-secret"))))
    assert (keys.access_key_id, keys.secret.reveal(), keys.token, lasts) == (
        *("AKID", "pair-secret", None),
        inf,
    )


async def test_the_environment_is_read(tmp_path: Path) -> None:
    said = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t-1"}
    with environment(tmp_path, **said):
        keys, lasts = await keys_of(aws(AwsGrant()))
    assert keys.token is not None
    assert (keys.access_key_id, keys.token.reveal(), lasts) == ("AKID", "t-1", LOOKED_AT_EVERY)


async def test_a_file_that_was_exchanged_is_read_anew(tmp_path: Path) -> None:
    source = aws(AwsGrant("team"))
    with environment(tmp_path):
        for name in ("ONE", "TWO"):
            (tmp_path / "credentials").write_text(
                f"[team]\naws_access_key_id={name}\naws_secret_access_key=x\n"
            )
            keys, _ = await keys_of(source)
            assert keys.access_key_id == name


async def test_what_is_lent_is_not_lent_again_while_it_holds_unless_it_is_doubted(
    tmp_path: Path,
) -> None:
    """Who asks again before it is time has been refused with it."""
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time_ns() / 1e9 + 3600))
    calls = tmp_path / "calls"
    script = tmp_path / "lend.sh"
    script.write_text(
        f"#!/bin/sh\necho x >> {calls}\n"
        'echo \'{"Version": 1, "AccessKeyId": "LENT", "SecretAccessKey": "s",'
        f' "SessionToken": "t", "Expiration": "{ends}"}}\'\n'
    )
    script.chmod(0o700)
    (tmp_path / "config").write_text(f"[default]\ncredential_process={script}\n")
    times = iter((TODAY, TODAY + 480, TODAY + 510))
    source = aws(AwsGrant(), lambda: next(times))
    with environment(tmp_path):
        for lent in ("x\n", "x\n", "x\nx\n"):
            keys, _ = await keys_of(source)
            assert (keys.access_key_id, calls.read_text()) == ("LENT", lent)


async def test_where_there_are_none_it_is_said(tmp_path: Path) -> None:
    with environment(tmp_path), pytest.raises(ValueError, match="usual chain .* has none"):
        await aws(AwsGrant()).fetch(CLIENT)


async def test_what_botocore_says_is_told_by_its_name_alone(tmp_path: Path) -> None:
    with environment(tmp_path), pytest.raises(ValueError, match="credentials: ProfileNotFound$"):
        await aws(AwsGrant("nobody")).fetch(CLIENT)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/nowhere/lend", "FileNotFoundError"),
        ("/bin/echo a secret", "JSONDecodeError"),
        ("'unbalanced", "ValueError"),
        (
            '/bin/echo \'{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s",'
            ' "SessionToken": "t", "Expiration": "a secret"}\'',
            "ParserError",
        ),
    ],
)
async def test_s17_nor_is_what_a_command_says_that_lends_none(
    command: str, name: str, tmp_path: Path
) -> None:
    """S17."""
    (tmp_path / "config").write_text(f"[default]\ncredential_process={command}\n")
    with environment(tmp_path), pytest.raises(ValueError, match=f"credentials: {name}$"):
        await aws(AwsGrant()).fetch(CLIENT)


def test_each_request_is_signed_and_the_secrets_are_known() -> None:
    keys = AwsKeys("AKID", Secret("pair-secret"), Secret("pair-token"))
    signing = Signing(keys, lambda: TODAY)
    assert [each.reveal() for each in signing.secrets] == ["pair-secret", "pair-token"]
    assert len(Signing(AwsKeys("AKID", Secret("s")), lambda: TODAY).secrets) == 1
    origin = Origin("https", "bedrock-runtime.eu-central-1.amazonaws.com", 443)
    target = Target("b", "bedrock", "bedrock", origin, "", "m", region="eu-central-1")
    headers = dict(signing.headers(target, UpstreamRequest("POST", "/model/m/converse", (), b"{}")))
    assert headers[b"authorization"].startswith(b"AWS4-HMAC-SHA256 Credential=AKID/")
    assert headers[b"x-amz-security-token"] == b"pair-token"
    assert b"pair-secret" not in b"".join(headers.values())
