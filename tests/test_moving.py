"""An example of LiteLLM's, brought over and served as it came: nothing in it was edited."""

import json
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from gateway.commands.importing import command
from tests.commands.moving.samples import FOLDER
from tests.house.source import ROOT
from tests.openai_clients import SPEAKERS
from tests.process import free_port, gateway
from tests.scripted import Link, Received, listen
from tests.test_client_leaves import STREAM_HEAD
from tests.test_openai_client import DONE, chunk


async def test_an_imported_configuration_serves_without_an_edit(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    asked: list[Received] = []

    async def vllm(link: Link) -> None:
        while True:
            asked.append(await link.request())
            await link.send(STREAM_HEAD)
            await link.chunk(chunk("stop", content="yes"), DONE, b"")

    port = (await listen(nursery, vllm)).port
    text = (FOLDER / "local-models.yaml").read_text()
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    text = text.replace("localhost:8000", f"localhost:{free_port()}")
    (tmp_path / "config.yaml").write_text(text)
    result = CliRunner().invoke(command, ["litellm", str(tmp_path / "config.yaml")])
    assert result.exit_code == 0
    with gateway(tmp_path, result.stdout) as running:
        speaker = SPEAKERS["async"](running.api, max_retries=0, api_key="the-same-as-before")
        wanted = {"gpt-4", "gpt-3.5-turbo", "text-davinci-003", "qwen", "llava-hf", "house-model"}
        assert wanted <= {model.id for model in await speaker.models()}
        for model in ("qwen", "house-model", "llava-hf"):  # Nobody listens for the last.
            heard = await speaker.stream(model=model)
            assert (heard.text, heard.error) == ("yes", None)
    nursery.cancel_scope.cancel()
    assert [request.line for request in asked] == [b"POST /v1/chat/completions HTTP/1.1"] * 3
    assert {json.loads(request.body)["model"] for request in asked} == {"Qwen/Qwen3-8B"}
    assert not any(request.values(b"authorization") for request in asked)


@pytest.mark.parametrize(
    ("page", "source", "options"),
    [("litellm", "config.yaml", []), ("portkey", "config.json", ["--name", "assistant"])],
)
def test_the_example_of_each_page_comes_to_what_the_page_shows(
    page: str, source: str, options: list[str], tmp_path: Path
) -> None:
    text = (ROOT / f"docs/howto/move-from-{page}.md").read_text()
    kind = source.rpartition(".")[2]
    before, after = (_block(text, name) for name in (kind, "toml"))
    (tmp_path / source).write_text(before)
    result = CliRunner().invoke(command, [page, str(tmp_path / source), *options])
    assert (result.exit_code, result.stdout) == (0, after)


def _block(text: str, kind: str) -> str:
    return text.partition(f"```{kind}\n")[2].partition("```\n")[0]
