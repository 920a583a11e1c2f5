"""Requests as honest clients send them: where the mutations begin."""

BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}],"stream":true}'
SHORT = b'{"a":1}'
CHUNKS = b"7\r\n" + SHORT + b"\r\n0\r\n\r\n"
STOLEN = b"GET /v1/stolen HTTP/1.1\r\nHost: localhost\r\n\r\n"


def request(
    line: str, *fields: str, body: bytes = b"", host: str = "localhost", version: str = "1.1"
) -> bytes:
    """Return a request; its length is declared where it has a body and nothing else is said."""
    lines = [f"{line} HTTP/{version}", *([f"Host: {host}"] if host else []), *fields]
    if body and not any(field.lower().startswith("transfer-encoding") for field in fields):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def post(*fields: str, body: bytes = BODY, path: str = "/v1/chat/completions") -> bytes:
    """Return a call."""
    return request(f"POST {path}", "Content-Type: application/json", *fields, body=body)


def chunked(wire: bytes, *fields: str) -> bytes:
    """Return a call whose body comes in chunks."""
    return post("Transfer-Encoding: chunked", *fields, body=wire)


GET = request("GET /v1/models")

HONEST: tuple[bytes, ...] = (
    GET,
    request("HEAD /healthz"),
    request("GET /readyz", "Connection: close"),
    request("GET /v1/models/openai%2Fo3"),
    request("GET /v1/models/m%C3%A9?key=1&x=%2e%2e"),
    request("GET /", host="127.0.0.1:4000"),
    request("GET /v1/models", host="[::1]:4000"),
    request("GET /v1/models", host="", version="1.0"),
    request("GET /v1/models", "Connection: keep-alive", version="1.0") + GET,
    request("POST /v1/x", body=SHORT, version="1.0"),
    request("OPTIONS /v1/chat/completions", "Origin: https://a.example"),
    request("DELETE /v1/models/m", "Accept: */*"),
    request("PATCH /v1/x", body=SHORT),
    request("PUT /v1/x", "Content-Length: 0"),
    request("GET /v1/models", "Content-Length: 0") + GET,
    request("GET /v1/models", "Accept: a", "Accept: b", "X-Empty:", "X-Tab:\tx\t"),
    request("GET /v1/models", "User-Agent: caf\xe9", "X-Name: \xff\x80"),
    request("GET /v1/models", "Cookie: " + "c" * 900),
    request("GET /v1/models", *[f"X-{number}: {number}" for number in range(60)]),
    b"\r\n" + GET,
    GET + GET + GET,
    GET + b"\r\n" + GET,
    post(),
    post("Authorization: Bearer sk-1234567890", "User-Agent: OpenAI/Python 3.3.0"),
    post("X-Request-Id: abc", "X-Forwarded-For: 10.0.0.1, 127.0.0.1"),
    post("Expect: 100-continue"),
    post("Connection: Keep-Alive, TE", "TE: trailers", "Keep-Alive: timeout=5"),
    post(
        "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA", body=STOLEN
    ),
    post("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13") + GET,
    post(body=SHORT) + post(body=SHORT),
    post(body=SHORT) + GET,
    post(body=b"\r\n\r\n" + STOLEN) + GET,
    post("Connection: close") + GET,
    chunked(CHUNKS),
    chunked(CHUNKS) + GET,
    chunked(CHUNKS) + chunked(CHUNKS),
    chunked(b"3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"),
    chunked(b"007;name=value\r\n" + SHORT + b"\r\n0;last\r\n\r\n") + GET,
    chunked(b'7;a="b c";d\r\n' + SHORT + b"\r\n000\r\n\r\n"),
    chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(STOLEN), STOLEN)) + GET,
    chunked(b"4\r\n\r\n\r\n\r\n2\r\nab\r\n0\r\n\r\n") + GET,
    chunked(CHUNKS, "Upgrade: h2c", "Connection: upgrade") + GET,
    chunked(CHUNKS, "Connection: close"),
)  # fmt: skip
