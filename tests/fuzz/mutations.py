"""Turns honest requests into dishonest ones, by all that has ever fooled a parser of HTTP.

Everything is drawn from a `Random` that is handed in, so that a seed is the same request for ever.
"""

import re
from collections.abc import Callable, Sequence
from random import Random

from tests.fuzz.honest import GET, HONEST, STOLEN

BLANK_LINE = b"\r\n\r\n"
MOST = 4
"""Mutations of one request."""

LENGTHS = (
    b"+5", b"-5", b"0x5", b"05", b"5 ", b"5,5", b"5, 6", b"5;", b"5.0", b"1e1", b"",
    b"999999999999999999", b"18446744073709551621", b"5\t", b"\xb2", b"4\r\n 4", b"5_0", b"0",
)  # fmt: skip
CODINGS = (
    b"chunked", b"Chunked", b"gzip, chunked", b"chunked, chunked", b"identity", b"chunked;q=1",
    b"xchunked", b"\tchunked\t", b"chunked,", b", chunked", b"\"chunked\"", b"chunked\x0b", b"",
    b"chunked\r\n identity",
)  # fmt: skip
HOSTS = (
    b"", b"a b", b"a/b", b"a?b", b"user@a", b"a:", b"a:99999", b"a:999999", b"[::1]", b"[::g]",
    b"[::1", b"a,b", b"localhost.", b"caf\xe9", b"a\tb", b"127.0.0.1:4000", b"%61", b"[1.2.3.4]",
)  # fmt: skip
TARGETS = (
    b"http://localhost/v1/models", b"//other/v1", b"*", b"other:443", b"", b"/a#b", b"/a b",
    b"/\x00", b"/caf\xe9", b"/../etc", b"/a/%2e%2e/b", b"/a/%2E/b", b"/a%5cb", b"/a\\b", b"/%00",
    b"/%zz", b"/%", b"/a%2fb", b"/%ff", b"/%c3%a9", b"?a", b"/?a#b", b"/..%2f", b"/...", b"/.",
    b"/a\x7f", b"/a\tb", b"/%252e%252e/", b"/\x85",
)  # fmt: skip
VERSIONS = (
    b"HTTP/1.0", b"HTTP/1.1", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1", b"http/1.1",
    b"HTTP/01.1", b"HTTP/1.1 ", b"HTTP/1.10", b"HTTPS/1.1", b"ICE/1.0", b"RTSP/1.0", b"HTTP /1.1",
    b"", b"HTTP/1,1",
)  # fmt: skip
METHODS = (
    b"get", b"Get", b"PRI", b"CONNECT", b"M-SEARCH", b"FROB", b"", b"G ET", b"GET\t", b"POST",
    b"HEAD", b"QUERY", b"SOURCE", b"\x00GET", b"\xc7ET", b"DESCRIBE",
)  # fmt: skip
LINES = (
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 7",
    b"Transfer-Encoding: chunked", b"transfer-encoding : chunked", b"Transfer-Encoding\t: chunked",
    b"Transfer_Encoding: chunked", b"Host: other", b"Host: localhost", b" folded: yes",
    b"\tfolded", b"X-A: b\r\n c", b"X-A: \x00", b"X-A: a\rb", b"X-A: a\nb", b"X-A: a\x0bb",
    b"X-A: \x7f", b"X-A: \x80\xff", b"X\xe9: a", b"X-A", b": a", b"X A: b", b"X-A:b:c",
    b"Content-Type: text/plain", b"Authorization: x", b"Connection: close",
    b"Connection: keep-alive", b"Connection: \tCLOSE ,x", b"Connection: closed", b"Upgrade: h2c",
    b"Connection: upgrade", b"Expect: 100-continue", b"Expect: 200-ok", b"Trailer: X",
    b"TE: trailers", b"X-Http-Method-Override: DELETE", b"\xef\xbb\xbfContent-Length: 5",
    b"Content-Length\x00: 5", b"(x): a", b"Proxy-Connection: keep-alive",
)  # fmt: skip
EXTENSIONS = (
    b";a", b";a=b", b';a="b"', b";", b" ;a", b"; a=b", b";a = b", b';a="\r\n"', b';a="b', b";\n",
    b";\r", b";a\x00", b";\xe9", b" ", b"\t", b"\r", b",a", b";;", b';a="\\""', b";a=\x7f",
    b";" + b"x" * 300,
)  # fmt: skip
SIZES = (
    b"0x7", b"+7", b"-7", b"00000000000000007", b"000000000000000000000000000000007", b"7 ", b" 7",
    b"G", b"", b"ffffffffffffffff", b"10000000000000007", b"7_", b"7.", b"0", b"8", b"6", b"07",
    b"\xb27",
)  # fmt: skip
TRAILERS = (
    b"X: y\r\n", b"Host: other\r\n", b"Content-Length: 5\r\n", b"\n", b"\r", b" \r\n", b"X\r\n",
    b"\r\n", b"Transfer-Encoding: chunked\r\n", b"x" * 40, b"0\r\n",
)  # fmt: skip
SMUGGLED = (STOLEN, GET, b"\r\n", b"\n", b"\r\n\r\n", b"0\r\n\r\n", b"GET /", b"\x00", b"G", b" ")
SPECIAL = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\x00",
    b"\t",
    b" ",
    b":",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"%",
    b";",
    b"0",
)

_LENGTH = re.compile(rb"(?i)(?<=content-length: )[0-9]+")
_CODING = re.compile(rb"(?i)(?<=transfer-encoding: )chunked")
_HOST = re.compile(rb"(?<=Host: )[^\r]*")
_SIZE = re.compile(rb"(?<=\r\n)[0-9a-f]+(?=[;\r])")

Mutation = Callable[[Random, bytes], bytes]


def _replace(pattern: re.Pattern[bytes], values: Sequence[bytes]) -> Mutation:
    """Put another value where one of these stands."""

    def mutation(random: Random, data: bytes) -> bytes:
        places = list(pattern.finditer(data))
        if not places:
            return data
        place = random.choice(places)
        return data[: place.start()] + random.choice(values) + data[place.end() :]

    return mutation


def _words(number: int, values: Sequence[bytes]) -> Mutation:
    """Put another word into the first line."""

    def mutation(random: Random, data: bytes) -> bytes:
        line, end, rest = data.partition(b"\r\n")
        words = line.split(b" ")
        words[min(number, len(words) - 1)] = random.choice(values)
        return b" ".join(words) + end + rest

    return mutation


def _lines(random: Random, data: bytes) -> tuple[list[bytes], bytes]:
    head, blank, rest = data.partition(BLANK_LINE)
    return head.split(b"\r\n"), blank + rest


def add_line(random: Random, data: bytes) -> bytes:
    lines, rest = _lines(random, data)
    lines.insert(random.randint(1, len(lines)), random.choice(LINES))
    return b"\r\n".join(lines) + rest


def repeat_line(random: Random, data: bytes) -> bytes:
    lines, rest = _lines(random, data)
    lines.insert(random.randint(0, len(lines)), random.choice(lines))
    return b"\r\n".join(lines) + rest


def drop_line(random: Random, data: bytes) -> bytes:
    lines, rest = _lines(random, data)
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines) + rest


def swap_lines(random: Random, data: bytes) -> bytes:
    lines, rest = _lines(random, data)
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\r\n".join(lines) + rest


def many_lines(random: Random, data: bytes) -> bytes:
    lines, rest = _lines(random, data)
    count = random.choice((30, 96, 97, 98, 99, 100, 101, 140))
    lines[1:1] = [b"X-%d: a" % number for number in range(count)]
    return b"\r\n".join(lines) + rest


def long_line(random: Random, data: bytes) -> bytes:
    lines, rest = _lines(random, data)
    lines.insert(1, b"X: " + b"a" * random.choice((8_000, 8_190, 8_191, 8_192, 8_193, 33_000)))
    return b"\r\n".join(lines) + rest


def long_target(random: Random, data: bytes) -> bytes:
    return data.replace(b" /", b" /" + b"a" * random.choice((8_100, 8_190, 8_192, 8_193)), 1)


def other_spaces(random: Random, data: bytes) -> bytes:
    place = random.choice([match.start() for match in re.finditer(rb"[ :]", data)] or [0])
    blank = random.choice((b"", b" ", b"  ", b"\t", b" \t", b"\x0b", b"\r\n "))
    sign = data[place : place + 1]
    return data[:place] + random.choice((sign + blank, blank + sign, blank)) + data[place + 1 :]


def other_line_end(random: Random, data: bytes) -> bytes:
    places = [match.start() for match in re.finditer(rb"\r\n", data)]
    if not places:
        return data
    place = random.choice(places)
    end = random.choice(
        (b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\t\r\n", b"\r\n\r\n", b"", b"\x00\r\n")
    )
    return data[:place] + end + data[place + 2 :]


def end_lines_in_lf(random: Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def other_case(random: Random, data: bytes) -> bytes:
    lines, rest = _lines(random, data)
    at = random.randrange(len(lines))
    lines[at] = random.choice((lines[at].upper(), lines[at].lower(), lines[at].swapcase()))
    return b"\r\n".join(lines) + rest


def chunk_body(random: Random, data: bytes) -> bytes:
    """Send in chunks what was sent whole, the length still declared or not."""
    head, blank, body = data.partition(BLANK_LINE)
    if random.random() < 0.8:
        head = re.sub(rb"(?i)\r\ncontent-length:[^\r]*", b"", head)
    size = random.randint(1, len(body) + 1)
    parts = [body[at : at + size] for at in range(0, len(body), size)][:30]
    wire = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return head + b"\r\nTransfer-Encoding: chunked" + blank + wire + b"0\r\n\r\n"


def extend_chunk(random: Random, data: bytes) -> bytes:
    places = [match.end() for match in _SIZE.finditer(data)]
    if not places:
        return data
    place = random.choice(places)
    return data[:place] + random.choice(EXTENSIONS) + data[place:]


def add_trailer(random: Random, data: bytes) -> bytes:
    last, found, rest = data.rpartition(b"0\r\n\r\n")
    return last + b"0\r\n" + random.choice(TRAILERS) + b"\r\n" + rest if found else data


def truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randint(0, len(data))]


def concatenate(random: Random, data: bytes) -> bytes:
    return data + random.choice(HONEST)


def smuggle(random: Random, data: bytes) -> bytes:
    place = random.choice((0, len(data), random.randint(0, len(data))))
    return data[:place] + random.choice(SMUGGLED) + data[place:]


def insert_special(random: Random, data: bytes) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + random.choice(SPECIAL) + data[place + random.randint(0, 1) :]


def flip_bit(random: Random, data: bytes) -> bytes:
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]


def any_byte(random: Random, data: bytes) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + bytes([random.randrange(256)]) + data[place + 1 :]


def drop_part(random: Random, data: bytes) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + data[place + random.randint(1, 12) :]


def repeat_part(random: Random, data: bytes) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + data[max(0, place - random.randint(1, 40)) :]


MUTATIONS: dict[str, Mutation] = {
    "another length": _replace(_LENGTH, LENGTHS),
    "another coding": _replace(_CODING, CODINGS),
    "another host": _replace(_HOST, HOSTS),
    "another chunk size": _replace(_SIZE, SIZES),
    "another method": _words(0, METHODS),
    "another target": _words(1, TARGETS),
    "another version": _words(2, VERSIONS),
    "a line more": add_line,
    "a line twice": repeat_line,
    "a line less": drop_line,
    "lines in another order": swap_lines,
    "many lines": many_lines,
    "a long line": long_line,
    "a long target": long_target,
    "other spaces": other_spaces,
    "another line end": other_line_end,
    "bare line feeds": end_lines_in_lf,
    "another case": other_case,
    "chunks": chunk_body,
    "a chunk extension": extend_chunk,
    "a trailer": add_trailer,
    "an early end": truncate,
    "another request behind it": concatenate,
    "something smuggled in": smuggle,
    "a special sign": insert_special,
    "a bit": flip_bit,
    "a byte": any_byte,
    "a part less": drop_part,
    "a part twice": repeat_part,
}

_ALL = tuple(MUTATIONS.values())


def mutated(seed: int) -> bytes:
    """Return the mutated request that belongs to a seed."""
    random = Random(seed)
    data = random.choice(HONEST)
    for _ in range(random.randint(1, MOST)):
        data = random.choice(_ALL)(random, data)
    return data
