"""Gemini on Vertex AI: where its models are asked."""

from gateway.providers import vertex
from gateway.words.target import Origin, Target


def test_a_model_is_below_its_publisher() -> None:
    asked = Target("v", "vertex", vertex.FORM, Origin("vertex", "v", 0), "", "gemini-3-flash")
    target = vertex.Options(project="our-project", location="europe-west1").fitted(asked)
    place = "/v1/projects/our-project/locations/europe-west1"
    assert target.base == place + "/publishers/google"
    assert target.origin == Origin("https", "europe-west1-aiplatform.googleapis.com", 443)
    assert (target.form, target.dialect) == ("gemini", "vertex")
