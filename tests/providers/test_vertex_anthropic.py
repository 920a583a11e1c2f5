"""Anthropic's models on Vertex AI: where they are asked, and how long they may answer."""

from gateway.providers import vertex_anthropic
from gateway.words.target import Origin, Target

FORM = vertex_anthropic.FORM


def test_a_model_is_below_its_publisher() -> None:
    asked = Target("v", "vertex-anthropic", FORM, Origin("vertex", "v", 0), "", "claude")
    target = vertex_anthropic.Options(project="our-project", max_tokens=77).fitted(asked)
    place = "/v1/projects/our-project/locations/global"
    assert target.base == place + "/publishers/anthropic/models"
    assert target.origin == Origin("https", "aiplatform.googleapis.com", 443)
    assert (target.form, target.dialect, target.max_tokens) == ("messages", "vertex", 77)
