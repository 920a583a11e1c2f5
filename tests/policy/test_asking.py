"""The question for a plan: what it asks of those who know."""

from gateway.policy.asking import Ask, KnowsHealth
from gateway.policy.health import Health
from gateway.policy.routes import Routes
from tests.policy.asked import offer, unasked


def test_health_knows_what_a_plan_asks() -> None:
    health: KnowsHealth = Health()
    routes = Routes([offer("a", {"m": "m"}), offer("b", {"m": "m"})], {}, {})
    plan = routes.plan("m", Ask(1.0, 0, 0.5, unasked, health))
    assert [target.name for target in plan.targets] == ["a/m", "b/m"]
