"""The border to botocore: signs a request for AWS (Signature Version 4).

What is signed is what is sent: the path as it stands in the request line, the host, the body, and
of the header fields those that say what the body is, and AWS's own. botocore does no I/O here and
reads no clock.

This module alone imports the extra `aws`.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import time
from typing import Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from gateway.upstream.aws_keys import AwsKeys
from gateway.upstream.outgoing import host_of
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import TooLarge
from gateway.words.target import Target

SERVICE: Final = "bedrock"
"""What the models' service is called in a signature; its hosts have a longer name."""

_OWN_PREFIX: Final = b"x-amz"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def sign(
    request: UpstreamRequest, target: Target, keys: AwsKeys, when: float, service: str = SERVICE
) -> tuple[Header, ...]:
    """Return the header fields that show AWS who asks.

    `when` is seconds since 1970; AWS takes a signature for some minutes. Raises `TooLarge` for a
    body that is not held in memory, of which nothing could be signed.
    """
    if request.long_body is not None:
        raise TooLarge("This provider's requests are signed, and this one is too long for that.")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))
    shown = {"x-amz-date": stamp}
    if keys.token is not None:
        shown["x-amz-security-token"] = keys.token.reveal()
    path = target.base + request.path + target.query
    signed = AWSRequest(
        method=request.method,
        url=f"{target.origin.scheme}://{host_of(target.origin).decode()}{path}",
        headers={**_own_fields(request, target), **shown, "host": host_of(target.origin).decode()},
        data=request.body,
    )
    signed.context["timestamp"] = stamp
    pair = ReadOnlyCredentials(keys.access_key_id, keys.secret.reveal(), None)
    signer = SigV4Auth(pair, service, target.region)
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    names = signer.signed_headers(signer.headers_to_sign(signed))
    shown["authorization"] = (
        f"{_ALGORITHM} Credential={signer.scope(signed)}, SignedHeaders={names},"
        f" Signature={signer.signature(text, signed)}"
    )
    return tuple((name.encode(), value.encode()) for name, value in shown.items())


def _own_fields(request: UpstreamRequest, target: Target) -> dict[str, str]:
    """Return the fields that are signed, as they travel: of one name the last counts."""
    fields = dict((*request.headers, *target.headers))
    return {
        name.decode(): value.decode()
        for name, value in fields.items()
        if name == b"content-type" or name.startswith(_OWN_PREFIX)
    }
