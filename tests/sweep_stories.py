"""The stories that the sweep tells: each is a call, or two, that meet something on their way."""

from collections.abc import Callable
from functools import partial

from gateway.relay.options import ClockOptions
from gateway.words.target import Conduct, Timeouts
from tests.stage import (
    COMPLETION,
    DONE,
    END,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Provider,
    answer,
    chat,
    chunk,
    event,
    fault,
    get,
    post,
    words,
)
from tests.sweep import World

NAMED = "X-Request-Id: swept"
CHAT = chat(NAMED)
BODY = words()
QUICK = ClockOptions(write_timeout=3.0, keepalive_interval=1.0, head_after=2.0)
BEGUN = WHOLE_STREAM[:2]
REST = WHOLE_STREAM[2:]
OVERLOADED = answer(503, b'{"error": {"message": "overloaded", "type": "server_error"}}')
TOKENS = (STREAM_HEAD, *[chunk(event("a"))] * 2, chunk(STOP, DONE) + END)


def posted(*fields: str) -> bytes:
    """Return the head of a chat request whose body comes later."""
    declared = (NAMED, "Content-Type: application/json", *fields)
    return get("/v1/chat/completions", *declared, method="POST")


def a_whole_answer(world: World) -> None:
    world.provider(answer(200, COMPLETION))
    world.client.send(chat(NAMED, stream=False))


def a_stream(world: World) -> None:
    provider = world.provider(*BEGUN)
    world.client.send(CHAT)
    world.at(1, lambda: provider.say(*REST))


def a_wait_in_line_before_another(world: World) -> None:
    """There is one slot; the bystander that has it gives it up after two seconds."""
    world.max_connections = 1
    world.held.then(*WHOLE_STREAM).then(*WHOLE_STREAM)
    world.provider(*WHOLE_STREAM).then(*WHOLE_STREAM)
    world.client.send(CHAT)
    world.at(1, world.stand_by)
    world.at(2, world.release)


def a_request_in_parts(world: World) -> None:
    world.until = 6
    world.counts(until=5)
    provider = world.provider()
    world.at(5, lambda: provider.say(*WHOLE_STREAM))
    head = posted("Transfer-Encoding: chunked")
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    world.client.send(head[:30])
    for moment, part in enumerate((head[30:] + body[:30], body[30:-2], body[-2:]), 1):
        world.at(moment, partial(world.client.send, part))


def a_body_that_waits_to_be_asked_for(world: World) -> None:
    world.counts(until=2)
    provider = world.provider()
    world.at(2, lambda: provider.say(*WHOLE_STREAM))
    world.client.send(posted(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
    world.at(1, lambda: world.client.send(BODY))


def no_request(world: World) -> None:
    world.client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")


def two_requests_at_once(world: World) -> None:
    whole = answer(200, COMPLETION)
    world.provider(whole).then(whole)
    world.provider(whole)
    world.client.send(chat(NAMED, stream=False) * 2)


def a_kept_connection_that_is_stale(world: World) -> None:
    world.counts(1)
    world.provider(*WHOLE_STREAM).then(b"")
    world.provider(*WHOLE_STREAM)
    world.provider(*WHOLE_STREAM)
    world.client.send(CHAT)
    world.at(1, lambda: world.client.send(CHAT))


def a_slow_connect(world: World) -> None:
    world.connect_takes = 2.0
    world.held.then(*WHOLE_STREAM)
    world.counts(until=2)
    world.provider(*WHOLE_STREAM)
    world.client.send(CHAT)


def a_connect_in_vain(world: World) -> None:
    world.timeouts = Timeouts(connect=1.0)
    world.connect_takes = 2.0
    world.provider(*WHOLE_STREAM)
    world.client.send(CHAT)


def keepalives_before_content(world: World) -> None:
    world.counts(2)
    world.until = 6
    world.clocks = QUICK
    provider = world.provider()
    world.client.send(CHAT)
    world.at(4.5, lambda: provider.say(*WHOLE_STREAM))


def a_refusal_after_a_keepalive(world: World) -> None:
    world.counts(2.5)
    world.until = 4
    world.clocks = QUICK
    provider = world.provider()
    world.client.send(CHAT)
    world.at(2.5, lambda: provider.say(answer(503, b"{}")))


def a_refusal(world: World) -> None:
    world.counts(1)
    whole = answer(503, b'{"error": {"message": "overloaded", "type": "server_error"}}')
    provider = world.provider(whole[:-10])
    world.client.send(CHAT)
    world.at(1, lambda: provider.say(whole[-10:]))


def no_content_in_time(world: World) -> None:
    world.counts(1)
    world.timeouts = Timeouts(first_token=1.0)
    world.provider()
    world.client.send(CHAT)


def an_error_in_the_stream(world: World) -> None:
    world.counts(1)
    provider = world.provider(*BEGUN)
    world.client.send(CHAT)
    world.at(1, lambda: provider.say(chunk(event("lo"), fault())))


def a_stream_that_is_cut(world: World) -> None:
    world.counts(1)
    provider = world.provider(*BEGUN)
    world.client.send(CHAT)
    world.at(1, lambda: provider.say(b""))


def a_trickle(world: World) -> None:
    world.counts(1)
    world.until = 4
    world.timeouts = Timeouts(idle=2.0)
    provider = world.provider(*BEGUN)
    world.client.send(CHAT)
    for moment in (1, 2, 3):
        world.at(moment, lambda: provider.say(chunk(b": hm\n\n")))


def the_total_time(world: World) -> None:
    world.counts(1)
    world.timeouts = Timeouts(total=1.0)
    world.provider(*BEGUN)
    world.client.send(CHAT)


def a_client_that_reads_late(world: World) -> None:
    world.hear_from(2, window=600)
    world.provider(*TOKENS)
    world.client.send(CHAT)


def a_client_that_does_not_read(world: World) -> None:
    world.counts(3)
    world.until = 9
    world.clocks = QUICK
    world.hear_from(8, window=600)
    world.provider(*TOKENS)
    world.client.send(CHAT)


def a_farewell_that_waits(world: World) -> None:
    """The provider's error cannot be told at once: the client does not read."""
    world.counts(1)
    world.hear_from(2, window=500)
    provider = world.provider(*BEGUN)
    world.client.send(CHAT)
    world.at(1, lambda: provider.say(chunk(fault("no " * 100))))


def a_drain(world: World) -> None:
    world.counts(1)
    world.provider(*BEGUN)
    world.client.send(CHAT)

    def drain() -> None:
        world.calls.draining = True
        for connection in world.connections:
            connection.drain()

    world.at(1, drain)
    world.at(2, world.stop)


def a_target_that_fails_before_another(world: World) -> None:
    world.homes = ["up", "b"]
    provider = world.provider()
    world.provider(*WHOLE_STREAM)
    for _ in range(2):
        world.provider(*WHOLE_STREAM, at="b")
    world.client.send(CHAT)
    world.at(1, lambda: provider.say(OVERLOADED))


def a_pause_before_another_try(world: World) -> None:
    world.conduct = Conduct(retries=1)
    world.provider(OVERLOADED).then(*WHOLE_STREAM)
    for _ in range(3):
        world.provider(*WHOLE_STREAM)
    world.client.send(CHAT)


def _two_that_race(world: World) -> tuple[Provider, Provider]:
    """The second is asked one second after the first; both are silent."""
    world.homes = ["up", "b"]
    world.conduct = Conduct(retries=0, hedge_after=1.0)
    racing = world.provider(STREAM_HEAD), world.provider(STREAM_HEAD, at="b")
    for at in world.homes:
        world.provider(*WHOLE_STREAM, at=at)
    world.client.send(CHAT)
    return racing


def a_race_that_the_first_wins(world: World) -> None:
    first, _ = _two_that_race(world)
    world.at(2, lambda: first.say(*WHOLE_STREAM[1:]))


def a_race_that_the_second_wins(world: World) -> None:
    _, second = _two_that_race(world)
    world.at(2, lambda: second.say(*WHOLE_STREAM[1:]))


def a_race_that_both_win(world: World) -> None:
    """They speak at one moment; only one is heard."""
    racing = _two_that_race(world)
    for each in racing:
        world.at(2, partial(each.say, *WHOLE_STREAM[1:]))


def a_race_that_nobody_wins(world: World) -> None:
    world.timeouts = Timeouts(first_token=1.5)
    _two_that_race(world)


def _a_stream_that_is_to_be_joined(world: World) -> None:
    """It is cut after its first word, at one second."""
    world.counts(1)
    world.conduct = Conduct(retries=1, resume=True)
    provider = world.provider(*BEGUN)
    world.client.send(CHAT)
    world.at(1, lambda: provider.say(b""))


def a_stream_that_is_joined(world: World) -> None:
    _a_stream_that_is_to_be_joined(world)
    for _ in range(3):
        world.provider(*WHOLE_STREAM)


def a_stream_that_is_joined_elsewhere(world: World) -> None:
    """It falls silent, and its fallback goes on; if that breaks, it is the silence that is told."""
    world.may_end_as = {"timeout"}
    world.until = 5
    world.counts(1)
    world.spares = ["spare"]
    world.timeouts = Timeouts(idle=2.0)
    world.conduct = Conduct(retries=0, resume=True)
    world.provider(*BEGUN)
    for _ in range(2):
        world.provider(*WHOLE_STREAM, at="spare")
    world.client.send(CHAT)


def a_stream_that_nobody_joins(world: World) -> None:
    """What is said the second time departs from what the client has."""
    _a_stream_that_is_to_be_joined(world)
    world.otherwise = event("hero") + STOP + DONE
    for _ in range(3):
        world.provider(STREAM_HEAD, chunk(event("hero")), chunk(STOP, DONE) + END)


Story = Callable[[World], None]
"""Sets a world, prepares providers, and lets the client say what it says."""

FORM = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nID3\r\n--b--\r\n'
)


def a_form_in_parts(world: World) -> None:
    world.until = 4
    world.counts(until=3)
    provider = world.provider()
    world.at(3, lambda: provider.say(answer(200, b'{"text":"hi"}')))
    declared = ("Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(FORM)}")
    world.client.send(get("/v1/audio/transcriptions", NAMED, *declared, method="POST"))
    world.at(1, lambda: world.client.send(FORM[:60]))
    world.at(2, lambda: world.client.send(FORM[60:]))


def a_sound(world: World) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
    provider = world.provider(head, chunk(b"ID3"))
    world.points.tellable = False  # within sound there is no place for words
    body = b'{"model":"m","input":"hi","voice":"v"}'
    world.client.send(post(body, NAMED, path="/v1/audio/speech"))
    world.at(1, lambda: provider.say(chunk(b"\0\xff"), chunk(b"end") + END))


STORIES: dict[Story, list[str]] = {
    a_whole_answer: ["completed"],
    a_stream: ["completed"],
    a_wait_in_line_before_another: ["completed"],
    a_request_in_parts: ["completed"],
    a_body_that_waits_to_be_asked_for: ["completed"],
    a_form_in_parts: ["completed"],
    a_sound: ["completed"],
    no_request: [],
    two_requests_at_once: ["completed", "completed"],
    a_kept_connection_that_is_stale: ["completed", "completed"],
    a_slow_connect: ["completed"],
    a_connect_in_vain: ["timeout"],
    keepalives_before_content: ["completed"],
    a_refusal_after_a_keepalive: ["upstream_error"],
    a_refusal: ["upstream_error"],
    no_content_in_time: ["timeout"],
    an_error_in_the_stream: ["upstream_error"],
    a_stream_that_is_cut: ["upstream_truncated"],
    a_trickle: ["timeout"],
    the_total_time: ["timeout"],
    a_client_that_reads_late: ["completed"],
    a_client_that_does_not_read: ["client_stalled"],
    a_farewell_that_waits: ["upstream_error"],
    a_drain: ["stopped"],
    a_target_that_fails_before_another: ["completed"],
    a_pause_before_another_try: ["completed"],
    a_race_that_the_first_wins: ["completed"],
    a_race_that_the_second_wins: ["completed"],
    a_race_that_both_win: ["completed"],
    a_race_that_nobody_wins: ["timeout"],
    a_stream_that_is_joined: ["completed"],
    a_stream_that_is_joined_elsewhere: ["completed"],
    a_stream_that_nobody_joins: ["upstream_truncated"],
}
"""Each story, and how its calls end if nobody disturbs them."""
