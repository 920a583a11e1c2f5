"""Takes a form with files from a client: looked through as it comes, and held only in part."""

from gateway.downstream.client import Guest
from gateway.downstream.head import Head
from gateway.downstream.spool import Spool
from gateway.endpoints import Found
from gateway.forms import raw
from gateway.forms.multipart import Scanner, boundary_of
from gateway.words.call import Call, Upload


async def read_upload(found: Found, client: Guest, head: Head, spool: Spool) -> Call:
    """Read what is asked by a form; a long one rests in a file until the call is over.

    Raises `ClientMistake`, and `Busy` where there is no room.
    """
    boundary = boundary_of(head.headers.get(b"content-type", b""))
    scanner = Scanner(boundary, raw.UPLOADED)

    async def take(part: bytes) -> None:
        scanner.feed(part)
        await spool.add(part)

    await client.pour(take)
    upload = Upload(boundary, await spool.end())
    model = found.ids[0] if found.endpoint.names_model else ""
    return raw.read_upload(found.endpoint.operation, scanner.end(), upload, model)
