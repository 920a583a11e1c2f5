"""What there is before the process: a socket that listens, a token that nobody guesses."""

import socket

import pytest

from gateway.admin.opening import Admin, open_admin
from gateway.admin.options import AdminOptions
from gateway.admin.routes import Role
from gateway.words.secret import Secret


def test_who_comes_before_the_process_serves_waits() -> None:
    admin = open_admin(AdminOptions(port=0), 2)
    with admin.sock, socket.create_connection(admin.sock.getsockname()) as client:
        client.sendall(b"GET")
        assert admin.url == f"http://127.0.0.1:{admin.sock.getsockname()[1]}"
        accepted, _ = admin.sock.accept()
        with accepted:
            assert accepted.recv(3) == b"GET"
            # The kernel gives up a client that takes nothing, because Hypercorn never would.
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


def test_every_start_has_a_token_of_its_own() -> None:
    tokens = set()
    for _ in range(8):
        admin = open_admin(AdminOptions(port=0), 1)
        admin.sock.close()
        tokens.add(admin.token.reveal())
    assert len(tokens) == 8
    assert all(len(token) * 6 >= 128 for token in tokens)


def test_the_token_opens_beside_the_keys_each_with_its_role() -> None:
    key, looker = Secret("0123456789abcdef"), Secret("fedcba9876543210")
    admin = open_admin(AdminOptions(port=0, key=key, viewer_key=looker), 1)
    admin.sock.close()
    known = [(secret.reveal(), who.role) for secret, who in admin.credentials()]
    assert known == [
        (admin.token.reveal(), Role.ADMIN),
        (key.reveal(), Role.ADMIN),
        (looker.reveal(), Role.VIEWER),
    ]
    keyless = Admin(AdminOptions(), admin.sock, admin.token, 1)
    assert len(list(keyless.credentials())) == 1


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        open_admin(AdminOptions(port=taken.getsockname()[1]), 1)


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "http://127.0.0.1"), ("::1", "http://[::1]")]
)
def test_the_address_shown_can_be_used(host: str, shown: str) -> None:
    try:
        admin = open_admin(AdminOptions(host=host, port=0), 1)
    except OSError as error:
        pytest.skip(f"{host}: {error}")
    with admin.sock:
        assert admin.url == f"{shown}:{admin.sock.getsockname()[1]}"
