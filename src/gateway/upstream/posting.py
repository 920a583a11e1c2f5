"""Posts to a place that the operator has named, by httpx2's client on our own transport."""

from dataclasses import dataclass

import httpx2
import trio

from gateway.upstream.send import BORDER, USER_AGENT, body_within, url_of
from gateway.words.client import Header
from gateway.words.errors import GatewayError, Timeout
from gateway.words.secret import Secret
from gateway.words.target import Origin

POST_TIMEOUT = 10.0
MAX_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Posting:
    """Where something goes: a path at an origin, and the value of `Authorization`, if there is one.

    `media` is what is posted, `fields` are further header fields.
    """

    client: httpx2.AsyncClient
    origin: Origin
    target: Secret
    authorization: Secret | None = None
    timeout: float = POST_TIMEOUT
    media: bytes = b"application/x-ndjson"
    fields: tuple[Header, ...] = ()

    async def __call__(self, body: bytes, name: str) -> int:
        """Send a batch of lines under a name; return the status that was answered.

        Raises `GatewayError` where nothing was, with a sentence that holds no secret.
        """
        return (await self.post(body, (b"idempotency-key", name.encode())))[0]

    async def post(self, body: bytes, *more: Header) -> tuple[int, bytes]:
        """Send this; return the status that was answered, and the beginning of what was said.

        Raises as a call.
        """
        headers = [(b"user-agent", USER_AGENT), (b"content-type", self.media), *self.fields, *more]
        if self.authorization is not None:
            headers.append((b"authorization", self.authorization.reveal().encode()))
        try:
            with trio.fail_after(self.timeout):
                return await self._post(body, headers)
        except trio.TooSlowError:
            said = f"{self.origin} did not answer within {self.timeout:g} seconds"
            raise Timeout(said) from None
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise _told(error, self.origin) from error

    async def _post(self, body: bytes, headers: list[Header]) -> tuple[int, bytes]:
        url = url_of(self.origin, "", self.target.reveal())
        async with self.client.stream("POST", url, content=body, headers=headers) as response:
            # Read to its end, so that the connection can be kept; but for no longer than that.
            said = await body_within(response, MAX_ANSWER_BYTES)
            return response.status_code, said


def _told(error: Exception, origin: Origin) -> GatewayError:
    """Return an exception of the HTTP library as the house's own."""
    rows = ((told, said) for kind, told, said in BORDER if isinstance(error, kind))
    told, said = next(rows)
    return told(f"{origin} {said}")
