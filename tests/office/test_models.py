"""The catalogue of a configuration: the same names, prices and limits that workers decide with."""

from pathlib import Path

from gateway.admin.models.standing import Report
from gateway.office.models import catalogue_of
from tests.config.texts import load

TEXT = """
[providers.openai]
api_keys = [{ env = "KEY" }, { env = "KEY" }]
base_url = "https://api.openai.com/v1"
models = ["gpt-5.2"]
[providers.mine]
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"
models = { "gpt-5.2" = "own", "free" = "free" }
[models."gpt-5.2"]
order = ["mine"]
limits = { concurrency = 3 }
[models.free]
prices = { input = 0.5, output = 2.0 }
[fallbacks]
free = "gpt-5.2"
"""


def test_it_holds_what_the_configuration_says_of_models(tmp_path: Path) -> None:
    catalogue = catalogue_of(load(TEXT, tmp_path))
    models = {model.name: model for model in catalogue.models({}, {})}
    assert set(models) == {"gpt-5.2", "free", "echo"}
    named = models["gpt-5.2"]
    assert [home.target for home in named.homes] == ["mine/own", "openai/gpt-5.2"]
    assert [home.price is None for home in named.homes] == [True, False]
    assert named.limits.concurrency == 3
    price = models["free"].homes[0].price
    assert price is not None
    assert (price.input, price.origin) == (0.5, "configuration")
    plan = catalogue.plan("free", None, Report(), {})
    assert [step.target.name for step in plan.steps][:2] == ["mine/free", "mine/own"]
