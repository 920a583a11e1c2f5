"""The chart: what can be said of it, and, where Helm is, what it makes of that.

`nox -s deployment` brings Helm, as a library, and the schemas of Kubernetes.
"""

import importlib
import json
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, Final

import jsonschema
import msgspec
import pytest

from gateway.admin.options import AdminOptions
from gateway.downstream.options import ListenOptions
from gateway.endpoints import find_plain
from tests import exposed
from tests.house.source import ROOT
from tests.shipped import CHART, longest_end, read, text, yaml

Manifests = dict[tuple[str, str], dict[str, Any]]
Render = Callable[[Mapping[str, object]], Manifests]

PLACE: Final = "helm/nursery-gateway"
NAME: Final = "ai-nursery-gateway"
KUBERNETES: Final = ("1.29", "1.34")
KNOWN: Final = {"ServiceMonitor"}
"""What no schema of Kubernetes tells of."""

OF_HELM: Final = {"global"}
"""What Helm itself hands to every chart."""

ALL: Final = {
    "autoscaling": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {
        "clients": [{"namespaceSelector": {}}],
        "scrapers": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "egress": [{"ports": [{"port": 5432, "protocol": "TCP"}]}],
    },
    "imagePullSecrets": [{"name": "registry"}],
    "env": [{"name": "A", "value": "b"}],
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "nodeSelector": {"e": "f"},
    "tolerations": [{"operator": "Exists"}],
    "service": {"annotations": {"g": "h"}},
    "serverExtra": "max_calls = 500",
    "image": {"digest": "sha256:" + "0" * 64},
}


def values() -> dict[str, Any]:
    told: dict[str, Any] = yaml(f"{PLACE}/values.yaml")
    return told


def schema() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(text(f"{PLACE}/values.schema.json"))
    return told


def template(name: str) -> str:
    return text(f"{PLACE}/templates/{name}")


@pytest.fixture(scope="module")
def render(require: Callable[[str], str]) -> Render:
    """Have Helm make the manifests of a release, by kind and name."""
    require("helm_python")
    chart = importlib.import_module("helm_python.chart")

    def made(given: Mapping[str, object]) -> Manifests:
        with chart.Chart.load(CHART) as loaded:
            files = loaded.render(values=given, name="ai", namespace="place")
        told: Manifests = {}
        for name, content in files.items():
            for part in content.split("\n---\n") if name.endswith(".yaml") else ():
                if (each := msgspec.yaml.decode(part)) is not None:
                    told[each["kind"], each["metadata"]["name"]] = each
        return told

    return made


def test_the_values_that_we_ship_are_as_the_schema_says() -> None:
    jsonschema.Draft7Validator.check_schema(schema())
    jsonschema.Draft7Validator(schema()).validate(values())


def test_every_value_is_in_the_schema_and_none_besides() -> None:
    def compare(told: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
        assert set(told) == set(known["properties"]) - OF_HELM, where
        assert known["additionalProperties"] is False, where
        for name, value in told.items():
            if "properties" in known["properties"][name]:
                compare(value, known["properties"][name], f"{where}.{name}")

    compare(values(), schema(), "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"replica": 3},
        {"drain": {"delay": -1}},
        {"service": {"type": "Public"}},
        {"image": {"digest": "latest"}},
        {"workers": 0},
    ],
)
def test_a_value_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema()).validate(wrong)


def test_every_template_says_only_values_that_there_are() -> None:
    for path in sorted((CHART / "templates").iterdir()):
        for used in re.findall(r"\.Values((?:\.\w+)+)", path.read_text(encoding="utf-8")):
            value: Any = values()
            for name in used[1:].split("."):
                assert name in value, (path.name, used)
                value = value[name]


def test_probes_ask_endpoints_and_ports_of_the_code() -> None:
    asked = re.findall(r"(\w+)Probe:\n\s+httpGet: \{ path: (\S+), port: http \}", _deployment())
    assert dict(asked) == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    for path in dict(asked).values():
        assert find_plain("GET", path) is not None
    ports = [int(port) for port in re.findall(r"containerPort: (\d+)", _deployment())]
    assert ports == [ListenOptions().port, AdminOptions().port]


def _deployment() -> str:
    return template("deployment.yaml")


def test_a_pod_hears_at_once_that_it_is_to_end_and_is_red_before_its_door_closes() -> None:
    """A hook would hold SIGTERM back, and with it all that tells clients to go elsewhere."""
    assert "preStop" not in _deployment().replace("no preStop", "")
    probe = _deployment().partition("readinessProbe:")[2].partition("livenessProbe:")[0]
    period, tries = (
        int(re.findall(rf"{name}: (\d+)", probe)[0])
        for name in ("periodSeconds", "failureThreshold")
    )
    assert values()["drain"]["delay"] > 2 * period * tries


def test_pods_are_counted_by_a_metric_that_there_is() -> None:
    (name,) = re.findall(r"metric:\n\s+name: (\w+)", template("horizontalpodautoscaler.yaml"))
    assert name in exposed.labels_of(exposed.text())


@pytest.mark.parametrize(
    "line",
    [
        "      automountServiceAccountToken: false",
        "      securityContext:\n        runAsNonRoot: true\n        runAsUser: 10001",
        "        seccompProfile:\n          type: RuntimeDefault",
        "            allowPrivilegeEscalation: false",
        "            readOnlyRootFilesystem: true",
        '            capabilities:\n              drop: ["ALL"]',
        "            - { name: config, mountPath: /etc/gateway, readOnly: true }",
    ],
)
def test_a_pod_may_do_no_more_than_it_must(line: str) -> None:
    assert _deployment().count(f"{line}\n") == 1
    assert "privileged" not in _deployment().lower()
    assert "hostPath" not in _deployment()


def test_the_chart_has_the_version_of_the_house() -> None:
    (version,) = re.findall(
        r'^__version__ = "(.+)"$', (ROOT / "src/gateway/__init__.py").read_text(), re.MULTILINE
    )
    assert yaml(f"{PLACE}/Chart.yaml")["appVersion"] == version


@pytest.mark.parametrize("given", [{}, ALL, {"admin": {"enabled": False}}], ids=["", "all", "bare"])
def test_kubernetes_would_take_what_helm_makes(
    render: Render, require: Callable[[str], str], given: dict[str, Any]
) -> None:
    require("kubernetes_validate")
    judge = importlib.import_module("kubernetes_validate")
    for (kind, _), manifest in render(given).items():
        for version in KUBERNETES if kind not in KNOWN else ():
            judge.validate(manifest, version, strict=True)


def test_helms_own_lint_finds_nothing(require: Callable[[str], str]) -> None:
    require("helm_python")
    told = importlib.import_module("helm_python.chart").lint(str(CHART), ALL, strict=True)
    assert told["errors"] == []
    assert [each["error"] for each in told["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize(("given", "admin"), [({}, 4001), ({"admin": {"enabled": False}}, 0)])
def test_the_gateway_takes_the_configuration_that_helm_makes(
    render: Render, given: dict[str, Any], admin: int
) -> None:
    made = render({**given, "serverExtra": "max_calls = 500", "workers": 2})
    whole = read(made["ConfigMap", NAME]["data"]["gateway.toml"])
    assert (whole.listen.port, whole.listen.workers, whole.admin.port) == (4000, 2, admin)
    assert whole.calls.max_calls == 500
    pod = made["Deployment", NAME]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > longest_end(whole)


def test_what_the_chart_writes_itself_cannot_be_written_twice(render: Render) -> None:
    with pytest.raises(Exception, match=r"\[server\] and \[admin\] are written by the chart"):
        render({"config": "[defaults]\nretries = 1\n  [server]\nport = 1\n"})


def test_a_service_finds_its_pods_and_a_monitor_its_service(render: Render) -> None:
    made = render(ALL)
    labels = made["Deployment", NAME]["spec"]["template"]["metadata"]["labels"].items()
    for kind, name in (("Service", NAME), ("Service", f"{NAME}-admin")):
        assert made[kind, name]["spec"]["selector"].items() <= labels
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert made[kind, NAME]["spec"]["selector"]["matchLabels"].items() <= labels
    assert made["NetworkPolicy", NAME]["spec"]["podSelector"]["matchLabels"].items() <= labels
    monitor = made["ServiceMonitor", NAME]["spec"]
    found = [
        name
        for (kind, name), each in made.items()
        if kind == "Service"
        and monitor["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
    ]
    assert found == [f"{NAME}-admin"]
    assert dict(labels)[monitor["jobLabel"]] == "nursery-gateway"
    assert "replicas" not in made["Deployment", NAME]["spec"]


def test_nobody_reaches_the_admin_who_is_not_named(render: Render) -> None:
    def ports(given: Mapping[str, object]) -> list[object]:
        rules = render(given)["NetworkPolicy", NAME]["spec"]["ingress"]
        return [port["port"] for rule in rules for port in rule["ports"]]

    assert ports({}) == ["http"]
    assert ports(ALL) == ["http", "admin"]


def test_no_pod_asks_what_is_inside_unless_that_is_named() -> None:
    """169.254.169.254 gives whoever asks the credentials of the machine."""
    said = re.findall(r"except: \[([^\]]+)\]", template("networkpolicy.yaml"))
    kept = [ip_network(each.strip(' "')) for part in said for each in part.split(",")]
    for inside in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "fd00:ec2::254"):
        assert any(ip_address(inside) in network for network in kept), inside


def test_another_configuration_makes_other_pods() -> None:
    assert 'checksum/config: {{ include "gateway.toml" . | sha256sum }}' in _deployment()
