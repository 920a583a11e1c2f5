"""`[server]`: composed of what the rooms own, and opening no door by mistake."""

from pathlib import Path

import pytest

from gateway.config.server import PARTS, beyond_loopback, exposed, is_self
from gateway.downstream.options import AuthOptions, ListenOptions
from gateway.words.target import Origin
from tests.config.texts import load, mistakes


def test_no_key_belongs_to_two_rooms() -> None:
    keys = [name for struct in PARTS.values() for name in struct.__struct_fields__]
    assert sorted(keys) == sorted(set(keys))


def test_each_key_reaches_the_room_that_owns_it(tmp_path: Path) -> None:
    config = load(
        """
        [server]
        port = 4080
        max_body_bytes = 1024
        max_calls = 7
        keepalive_interval = 0
        max_event_bytes = 2048
        trusted_proxies = ["0:0:0:0:0:0:0:1", "10.0.0.1"]
        """,
        tmp_path,
    )
    assert config.listen.port == 4080
    assert config.http.max_body_bytes == 1024
    assert config.http.trusted_proxies == ("::1", "10.0.0.1")
    assert config.calls.max_calls == 7
    assert config.clocks.keepalive_interval == 0.0
    assert config.answers.max_event_bytes == 2048
    assert config.upstream.upstream_ca == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("port = 65536", "server.port: expected a whole number <= 65535"),
        ("port = -1", "server.port: expected a whole number >= 0"),
        ('port = "4000"', "server.port: expected a whole number, got a string"),
        ("head_timeout = 0", "server.head_timeout: expected a number > 0.0"),
        ("drain_delay = -0.5", "server.drain_delay: expected a number >= 0.0"),
        ("write_timeout = inf", "server.write_timeout: expected a number <= 31536000.0"),
        ("max_body_bytes = 0", "server.max_body_bytes: expected a whole number >= 1"),
        ("max_calls = 1.5", "server.max_calls: expected a whole number, got a number"),
        ('host = ""', "server.host: expected a string of length >= 1"),
        ("workers = 0", "server.workers: expected a whole number >= 1"),
        ("threads = 1", "server.threads: unknown key"),
        ('upstream_proxy = ""', "server.upstream_proxy: unknown key; did you mean upstream_ca?"),
        ('trusted_proxies = ["x"]', "server.trusted_proxies[0]: is not an IP address"),
        ('tls = { certificate = "x" }', "server.tls.key: is missing"),
        ("tls = 1", "server.tls: expected a table, got a whole number"),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, line: str, said: str) -> None:
    assert mistakes(f"[server]\n{line}\n", tmp_path) == [f"gateway.toml:2: {said}"]


def test_tls_without_files_is_none(tmp_path: Path) -> None:
    assert load("[server]\ntls = {}", tmp_path).listen.tls is None


def test_files_are_taken_from_the_configurations_own_folder(tmp_path: Path) -> None:
    for name in ("chain.pem", "ca.pem"):
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----", encoding="ascii")
    (tmp_path / "key.pem").write_text("-----BEGIN EC PRIVATE KEY-----", encoding="ascii")
    config = load(
        """
        [server]
        unix = "gateway.sock"
        tls = { certificate = "chain.pem", key = "key.pem" }
        upstream_ca = "ca.pem"
        """,
        tmp_path,
    )
    assert config.listen.unix == str(tmp_path / "gateway.sock")
    assert config.listen.tls is not None
    assert config.listen.tls.certificate == str(tmp_path / "chain.pem")
    assert config.listen.tls.key == str(tmp_path / "key.pem")
    assert config.upstream.upstream_ca == str(tmp_path / "ca.pem")


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    text = '[server]\ntls = { certificate = "a", key = "b" }\nupstream_ca = "c"'
    missing = "No such file or directory"
    assert mistakes(text, tmp_path) == [
        f"gateway.toml:2: server.tls.certificate: cannot read {tmp_path / 'a'}: {missing}",
        f"gateway.toml:2: server.tls.key: cannot read {tmp_path / 'b'}: {missing}",
        f"gateway.toml:3: server.upstream_ca: cannot read {tmp_path / 'c'}: {missing}",
    ]


def test_a_file_of_something_else_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x30\x82")
    text = '[server]\ntls = { certificate = "a", key = "a" }\nupstream_ca = "a"'
    assert mistakes(text, tmp_path) == [
        "gateway.toml:2: server.tls.certificate: a holds no certificate in PEM",
        "gateway.toml:2: server.tls.key: a holds no private key in PEM",
        "gateway.toml:3: server.upstream_ca: a holds no certificate in PEM",
    ]


@pytest.mark.parametrize(
    ("host", "beyond"),
    [
        ("127.0.0.1", False),
        ("127.8.9.1", False),
        ("::1", False),
        ("LocalHost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("10.0.0.1", True),
        ("gateway.example", True),
    ],
)
def test_a_host_beyond_loopback_needs_leave(host: str, beyond: bool) -> None:
    listen = ListenOptions(host=host)
    assert beyond_loopback(listen) is beyond
    assert exposed(listen, AuthOptions(), keyed=False) is beyond
    assert not exposed(listen, AuthOptions(), keyed=True)
    assert not exposed(listen, AuthOptions(required=False), keyed=False)
    unix = ListenOptions(host=host, unix="/run/gateway.sock")
    assert not exposed(unix, AuthOptions(), keyed=False)


@pytest.mark.parametrize(
    ("origin", "listen", "same"),
    [
        (Origin("http", "127.0.0.1", 4000), ListenOptions(), True),
        (Origin("http", "localhost", 4000), ListenOptions(), True),
        (Origin("http", "127.0.0.1", 4000), ListenOptions(host="0.0.0.0"), True),
        (Origin("http", "gw.example", 4000), ListenOptions(host="GW.example"), True),
        (Origin("http", "127.0.0.1", 4000), ListenOptions(host="gw.example"), False),
        (Origin("http", "127.0.0.1", 4080), ListenOptions(), False),
        (Origin("http", "example.com", 4000), ListenOptions(), False),
        (Origin("http", "127.0.0.1", 4000), ListenOptions(unix="/run/gateway.sock"), False),
    ],
)
def test_the_gateways_own_address_is_known(
    origin: Origin, listen: ListenOptions, same: bool
) -> None:
    assert is_self(origin, listen) is same
