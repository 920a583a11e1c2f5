"""nginx as a process of its own, with the configuration that we ship, but for its addresses."""

import grp
import os
import pwd
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio
import trustme

SHIPPED = Path(__file__).parents[1] / "deploy/nginx"
START_TIMEOUT = 10

FIRST, SECOND = "    server 127.0.0.1:4000 max_fails", "    server 127.0.0.1:4010 max_fails"
WIDE = {"rate=100r/s": "rate=100000r/s", "gateway_open 1000;": "gateway_open 60000;"}

AROUND = """\
user {user} {group};
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include gateway.conf;
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running nginx, and how its clients trust it."""

    port: int
    authority: trustme.CA

    @property
    def api(self) -> str:
        """The base URL for OpenAI's clients."""
        return f"https://localhost:{self.port}/v1"

    def trust(self, protocol: str = "http/1.1") -> ssl.SSLContext:
        """Return what a client checks the certificate with, and what it wants to speak."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        context.set_alpn_protocols([protocol])
        return context

    async def connect(
        self, protocol: str = "http/1.1", source: str = "127.0.0.1", receive_buffer: int = 0
    ) -> trio.SSLStream[trio.SocketStream]:
        """Open a connection and finish its handshake."""
        sock = trio.socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await sock.bind((source, 0))
        await sock.connect(("127.0.0.1", self.port))
        stream = trio.SSLStream(
            trio.SocketStream(sock),
            self.trust(protocol),
            server_hostname="localhost",
            https_compatible=True,
        )
        await stream.do_handshake()
        assert stream.selected_alpn_protocol() == protocol
        return stream


@contextmanager
def nginx(
    program: str,
    directory: Path,
    gateway_port: int,
    changes: Mapping[str, str] | None = None,
    second_port: int = 0,
) -> Iterator[Nginx]:
    """Start nginx before a gateway, or two. Each of the `changes` must find its place exactly once.

    Whatever a test asks comes from one address, so that the limits on those are wide here.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(directory / "gateway.key")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(directory / "gateway.crt", append=True)
    text = (SHIPPED / "gateway.conf").read_text()
    addresses = {
        FIRST: f"    server 127.0.0.1:{gateway_port} max_fails",
        SECOND: f"    {'server' if second_port else '#'} 127.0.0.1:{second_port} max_fails",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen [::]:443 ssl http2;": "",
        "/etc/nginx/gateway.crt": f"{directory}/gateway.crt",
        "/etc/nginx/gateway.key": f"{directory}/gateway.key",
    }
    text = text.replace("/etc/nginx/gateway-errors/", f"{SHIPPED}/errors/")
    for old, new in {**addresses, **WIDE, **(changes or {})}.items():
        assert text.count(old) == 1, f"{old} stands {text.count(old)} times in gateway.conf"
        text = text.replace(old, new)
    (directory / "gateway.conf").write_text(text)
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    (directory / "nginx.conf").write_text(AROUND.format(user=user, group=group))
    with _running(program, directory, port):
        yield Nginx(port, authority)


@contextmanager
def _running(program: str, directory: Path, port: int) -> Iterator[None]:
    log = directory / "stderr.log"
    command = [program, "-p", str(directory), "-c", "nginx.conf", "-e", "error.log"]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.005)  # noqa: TID251 (nothing runs yet that this could hold up)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_TIMEOUT)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
