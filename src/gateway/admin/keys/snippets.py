"""How each client is told to ask here: lines to paste, with a model that may be asked for. Pure.

The key is never in them: it is taken from the variable `GATEWAY_KEY`. Every name is written as a
text of its language, so that none can end it.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "GATEWAY_KEY"

ELSEWHERE: Final = "https://gateway.example.com"
"""Stands where nobody knows the address."""

NO_SEARCH: Final = 'For a model that is not OpenAI\'s add: web_search = "disabled"'
FROM_AFAR: Final = "Cursor asks from its own servers: they must be able to reach this address."

ECHO: Final = "echo"
"""The built-in model, which is there unless the file gives its name away."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines for one client. `place` says where they belong, `note` what else is to be known."""

    id: str
    title: str
    place: str
    text: str
    note: str = ""


def chosen(names: Sequence[str], wanted: str = "") -> str:
    """Return the model for the lines: the wanted one, else one that is likely to chat."""
    if wanted in names:
        return wanted
    others = [name for name in names if name != ECHO and "embed" not in name]
    return next(iter([*others, *names]), ECHO)


def snippets(address: str, model: str) -> list[Snippet]:
    """Return the lines for each client. `address` is a base URL without `/v1`."""
    site = address or ELSEWHERE
    return [
        Snippet("curl", "curl", "a shell", _curl(site, model)),
        Snippet("openai-python", "OpenAI, Python", "Python", _openai_python(site, model)),
        Snippet("openai-js", "OpenAI, JavaScript", "an ES module", _openai_js(site, model)),
        Snippet("anthropic", "Anthropic, Python", "Python", _anthropic(site, model)),
        Snippet("claude-code", "Claude Code", "a shell", _claude_code(site, model)),
        Snippet("codex", "Codex", "~/.codex/config.toml", _codex(site, model), NO_SEARCH),
        Snippet("cursor", "Cursor", "Settings, Models", _cursor(site, model), FROM_AFAR),
        Snippet("langchain", "LangChain", "Python", _langchain(site, model)),
    ]


def _text(value: str) -> str:
    """Write a text as JSON, Python, JavaScript and TOML all have it; names hold no controls."""
    return json.dumps(value, ensure_ascii=False)


def _curl(site: str, model: str) -> str:
    question = {"model": model, "messages": [{"role": "user", "content": "Say hello"}]}
    body = json.dumps(question, ensure_ascii=False)
    return (
        f"curl {shlex.quote(f'{site}/v1/chat/completions')} \\\n"
        f'  -H "authorization: Bearer ${VARIABLE}" \\\n'
        f"  -H 'content-type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def _openai_python(site: str, model: str) -> str:
    return f"""\
import os
from openai import OpenAI

client = OpenAI(base_url={_text(f"{site}/v1")}, api_key=os.environ["{VARIABLE}"])
answer = client.chat.completions.create(
    model={_text(model)},
    messages=[{{"role": "user", "content": "Say hello"}}],
)
print(answer.choices[0].message.content)"""


def _openai_js(site: str, model: str) -> str:
    return f"""\
import OpenAI from "openai";

const client = new OpenAI({{
  baseURL: {_text(f"{site}/v1")},
  apiKey: process.env.{VARIABLE},
}});
const answer = await client.chat.completions.create({{
  model: {_text(model)},
  messages: [{{ role: "user", content: "Say hello" }}],
}});
console.log(answer.choices[0].message.content);"""


def _anthropic(site: str, model: str) -> str:
    return f"""\
import os
from anthropic import Anthropic

client = Anthropic(base_url={_text(site)}, api_key=os.environ["{VARIABLE}"])
answer = client.messages.create(
    model={_text(model)},
    max_tokens=256,
    messages=[{{"role": "user", "content": "Say hello"}}],
)
print(answer.content[0].text)"""


def _claude_code(site: str, model: str) -> str:
    return f"""\
export ANTHROPIC_BASE_URL={shlex.quote(site)}
export ANTHROPIC_AUTH_TOKEN="${VARIABLE}"
claude --model {shlex.quote(model)}"""


def _codex(site: str, model: str) -> str:
    return f"""\
model = {_text(model)}
model_provider = "gateway"

[model_providers.gateway]
name = "Gateway"
base_url = {_text(f"{site}/v1")}
env_key = "{VARIABLE}"
wire_api = "responses\""""


def _cursor(site: str, model: str) -> str:
    return f"""\
Override OpenAI Base URL:  {site}/v1
OpenAI API Key:            what {VARIABLE} holds
Add model:                 {model}"""


def _langchain(site: str, model: str) -> str:
    return f"""\
import os
from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    base_url={_text(f"{site}/v1")},
    api_key=os.environ["{VARIABLE}"],
    model={_text(model)},
)
print(model.invoke("Say hello").content)"""
