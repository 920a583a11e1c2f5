"""Hands a request that passes through to the corridor; a long body rests in a file meanwhile."""

import trio

from gateway.downstream.calls import OpenCall
from gateway.downstream.client import Guest
from gateway.downstream.head import Head
from gateway.downstream.spool import Spool
from gateway.endpoints import Found
from gateway.relay.passage import Passing
from gateway.words.body import Body, joined


def passing_of(
    found: Found, head: Head, client: Guest, life: OpenCall, disk: trio.CapacityLimiter
) -> Passing:
    """Return the request as it is passed on. `disk` is who may write long bodies."""

    async def read() -> Body:
        spool = life.spool = Spool(disk)
        await client.pour(spool.add)
        return joined(await spool.end())

    operation = found.endpoint.operation
    return Passing(operation, head.method, found.ids, head.query, head.headers, read)
