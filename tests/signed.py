"""Checks AWS's signatures as AWS itself does: from the bytes of a request as they came."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

from tests.scripted import Received

ALGORITHM = b"AWS4-HMAC-SHA256"


def signed_by(request: Received, secrets: Mapping[str, str]) -> str:
    """Return whose signature a request bears. Raises `AssertionError` for one that is not sound.

    `secrets` are those of the pairs that are known, by their ids.
    """
    (told,) = request.values(b"authorization")
    algorithm, _, rest = told.partition(b" ")
    assert algorithm == ALGORITHM
    parts = dict(part.strip().split(b"=", 1) for part in rest.split(b","))
    key_id, *scope = parts[b"Credential"].decode().split("/")
    (date,) = request.values(b"x-amz-date")
    names = parts[b"SignedHeaders"].split(b";")
    assert names == sorted(names)
    assert {b"host", b"x-amz-date"} <= set(names)
    text = "\n".join(
        (
            ALGORITHM.decode(),
            date.decode(),
            "/".join(scope),
            hashlib.sha256(canonical(request, names)).hexdigest(),
        )
    )
    key = f"AWS4{secrets[key_id]}".encode()
    for each in (*scope, text):
        key = hmac.new(key, each.encode(), hashlib.sha256).digest()
    assert key.hex().encode() == parts[b"Signature"]
    assert date.decode().startswith(scope[0])
    return key_id


def canonical(request: Received, names: list[bytes]) -> bytes:
    """Return what is signed of a request. A path that is encoded is encoded once more."""
    method, target, _ = request.line.split(b" ")
    path, _, query = target.partition(b"?")
    fields = [b"%b:%b\n" % (name, b",".join(request.values(name))) for name in names]
    return b"\n".join(
        (
            method,
            quote(path, safe="/-_.~").encode(),
            b"&".join(sorted(query.split(b"&"))),
            b"".join(fields),
            b";".join(names),
            hashlib.sha256(request.body).hexdigest().encode(),
        )
    )
