"""nginx's clocks, sizes and ports, as we ship them, go with those of the gateway.

That a real nginx does what is meant by them is seen in `test_nginx.py` and `test_rolling.py`.
"""

import json
import re

import pytest

from gateway.downstream.options import HttpOptions
from gateway.relay.options import ClockOptions
from gateway.words.target import Timeouts
from tests.shipped import DEPLOY, config, nginx, seconds, text

MARGIN = 1.0
DRAINED = ["systemd/gateway.toml", "compose/gateway.toml"]


def test_a_body_may_be_as_long_as_the_gateway_takes_it() -> None:
    sizes = re.findall(
        r"^    client_max_body_size (\w+);", text("nginx/gateway.conf"), re.MULTILINE
    )
    assert sizes == ["32m"]
    assert HttpOptions().max_body_bytes == 32 << 20


@pytest.mark.parametrize(
    ("name", "gateways"),
    [
        ("client_body_timeout", HttpOptions().body_timeout),
        ("send_timeout", ClockOptions().write_timeout),
        ("proxy_read_timeout", Timeouts().total),
    ],
)
def test_a_clock_is_wider_than_the_gateways_own(name: str, gateways: float) -> None:
    assert seconds(nginx(name)) > gateways


def test_nginx_closes_idle_connections_before_the_gateway_does() -> None:
    assert seconds(nginx("keepalive_timeout", "upstream gateway")) < HttpOptions().keep_alive


@pytest.mark.parametrize("path", DRAINED)
def test_a_gateway_drains_for_longer_than_nginx_keeps_a_connection(path: str) -> None:
    """Else a call would be sent on one that is being closed, and could not be sent again."""
    calls = config(path).calls
    assert calls.drain_delay >= seconds(nginx("keepalive_timeout", "upstream gateway")) + MARGIN


def test_a_call_is_never_made_twice() -> None:
    """With `non_idempotent`, or a status, a POST would go out once more."""
    assert nginx("proxy_next_upstream") == "error timeout"
    assert nginx("proxy_request_buffering") == "off"


def test_a_path_reaches_the_gateway_as_it_was_sent() -> None:
    shipped = re.sub(r"#.*", "", text("nginx/gateway.conf"))
    assert re.findall(r"\b(?:rewrite|return|try_files)\b", shipped) == []
    assert nginx("proxy_pass") == "http://gateway"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ssl_protocols", "TLSv1.2 TLSv1.3"),
        ("ssl_session_tickets", "off"),
        ("server_tokens", "off"),
        ("proxy_next_upstream_tries", "2"),
        ("proxy_ignore_client_abort", "off"),
    ],
)
def test_what_no_client_would_notice_is_set(name: str, value: str) -> None:
    assert nginx(name) == value


def test_no_cipher_is_without_forward_secrecy_or_a_seal() -> None:
    ciphers = nginx("ssl_ciphers").split(":")
    assert [each for each in ciphers if not re.match(r"ECDHE-(ECDSA|RSA)-", each)] == []
    assert [each for each in ciphers if not re.search(r"GCM|CHACHA20-POLY1305", each)] == []


def test_the_two_gateways_are_those_of_the_unit() -> None:
    ports = re.findall(r"^    server 127\.0\.0\.1:(\d+) ", text("nginx/gateway.conf"), re.MULTILINE)
    (template,) = re.findall(r"--port (\S+)", text("systemd/gateway@.service"))
    assert ports == [template.replace("%i", number) for number in "01"]


@pytest.mark.parametrize("path", sorted((DEPLOY / "nginx/errors").iterdir()), ids=lambda p: p.stem)
def test_an_error_of_nginxs_has_the_shape_of_the_api(path: object) -> None:
    error = json.loads(text(f"nginx/errors/{path.name}"))["error"]  # type: ignore[attr-defined]
    assert set(error) == {"message", "type", "param", "code"}
    assert f"/gateway-errors/{path.name}" in text("nginx/gateway.conf")  # type: ignore[attr-defined]


def test_what_a_client_claims_of_its_address_does_not_pass() -> None:
    said = re.findall(r"X-Forwarded-For\s+([^;]+);", text("nginx/gateway.conf"))
    assert said == ["$remote_addr"]
