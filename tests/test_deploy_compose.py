"""The compose file, held against the configurations of nginx, Prometheus and the gateway."""

import os
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.shipped import DEPLOY, SECRETS, config, longest_end, nginx, text, yaml

GATEWAYS = ["gateway-0", "gateway-1"]


def service(name: str) -> dict[str, Any]:
    told: dict[str, Any] = yaml("compose/compose.yaml")["services"][name]
    return told


def address(name: str) -> str:
    return str(service(name)["networks"]["inside"]["ipv4_address"])


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_is_given_the_time_that_its_calls_may_take(name: str) -> None:
    read = config("compose/gateway.toml")
    assert float(service(name)["stop_grace_period"].removesuffix("s")) > longest_end(read)


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateway_can_write_nothing_but_its_state(name: str) -> None:
    told = service(name)
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["user"] == "10001:10001"
    written = [each for each in told["volumes"] if not each.endswith(":ro")]
    assert written == [f"state-{name[-1]}:/var/lib/gateway"]
    assert [each.partition(":")[0] for each in told["tmpfs"]] == ["/tmp", "/run/gateway"]
    assert "./gateway.toml:/etc/gateway/gateway.toml:ro" in told["volumes"]
    assert set(told["networks"]) == {"inside", "outside"}


def test_its_configuration_asks_for_no_secret_that_is_not_given() -> None:
    asked = set(re.findall(r'env = "(\w+)"', text("compose/gateway.toml")))
    assert asked <= set(service("gateway-0")["environment"])
    wanted = set(re.findall(r"\$\{(\w+):\?", text("compose/compose.yaml")))
    assert set(re.findall(r"^(\w+)=", text("compose/env.example"), re.MULTILINE)) == wanted


def test_nginx_is_told_the_addresses_of_the_gateways_and_believed_by_them() -> None:
    shipped = text("nginx/gateway.conf")
    script = service("nginx")["command"][2]
    assert "/shipped/gateway.conf > /etc/nginx/conf.d/default.conf\nexec nginx" in script
    for old, new in re.findall(r"-e 's/([^/]+)/([^/]+)/'", script):
        found, shipped = len(re.findall(old, shipped)), re.sub(old, new, shipped)
        assert found == 1, old
    servers = re.findall(r"^    server (\S+) ", shipped, re.MULTILINE)
    assert servers == [f"{address(name)}:4000" for name in GATEWAYS]
    assert list(config("compose/gateway.toml").http.trusted_proxies) == [address("nginx")]


def test_nginx_finds_its_certificate_and_its_errors_where_its_file_says() -> None:
    places = {each.split(":")[1] for each in service("nginx")["volumes"]}
    wanted = {nginx("ssl_certificate"), nginx("ssl_certificate_key"), "/etc/nginx/gateway-errors"}
    assert places == wanted | {"/shipped/gateway.conf"}


def test_nginx_ends_when_its_last_stream_has() -> None:
    told = service("nginx")
    assert told["stop_signal"] == "SIGQUIT"
    assert told["stop_grace_period"] == service("gateway-0")["stop_grace_period"]


def test_nobody_gains_a_right() -> None:
    for name, told in yaml("compose/compose.yaml")["services"].items():
        assert told["security_opt"] == ["no-new-privileges:true"], name


def test_what_calls_hold_is_never_thrown_out() -> None:
    """Else a limit would be forgotten where the shared store is full."""
    told = service("valkey")["command"]
    assert told[told.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize("name", sorted(yaml("compose/compose.yaml")["services"]))
def test_what_is_mounted_is_there(name: str) -> None:
    """But for the certificate, which is the operator's. What is no path is a named volume."""
    named = set(yaml("compose/compose.yaml")["volumes"])
    for source in [each.split(":")[0] for each in service(name)["volumes"]]:
        own = source.startswith("./tls/")
        assert own or source in named or (DEPLOY / "compose" / source).exists(), source


def test_prometheus_reads_both_gateways_under_the_alerts_job() -> None:
    (scrape,) = yaml("compose/prometheus.yml")["scrape_configs"]
    assert scrape["job_name"] == "nursery-gateway"
    assert scrape["static_configs"] == [{"targets": [f"{name}:4001" for name in GATEWAYS]}]


def test_only_nginx_is_reached_from_other_machines() -> None:
    services = yaml("compose/compose.yaml")["services"]
    ports = {name: told["ports"] for name, told in services.items() if "ports" in told}
    assert ports == {"nginx": ["443:443"], "prometheus": ["127.0.0.1:9090:9090"]}
    assert yaml("compose/compose.yaml")["networks"]["inside"]["internal"] is True


def test_composes_own_tool_reads_it(require: Callable[[str], str]) -> None:
    done = subprocess.run(
        [require("docker-compose"), "-f", str(DEPLOY / "compose/compose.yaml"), "config", "-q"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **SECRETS, "POSTGRES_PASSWORD": "word"},
    )
    assert (done.returncode, done.stderr) == (0, "")
