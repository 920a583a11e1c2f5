"""The table of kinds: what stands in it keeps the contract."""

import msgspec
import pytest

from gateway.forms.table import UPSTREAM_FORMS
from gateway.providers import Settings, openai
from gateway.providers.known import KNOWN, Named
from gateway.providers.table import TABLE


@pytest.mark.parametrize("kind", TABLE)
def test_a_kind_speaks_a_known_form_and_checks_its_own_options(kind: str) -> None:
    module = TABLE[kind]
    assert module.FORM in UPSTREAM_FORMS
    assert issubclass(module.Options, Settings)
    assert set(module.Options.REFUSES) <= set(module.Options.__struct_fields__)
    needed = [field.name for field in msgspec.structs.fields(module.Options) if field.required]
    msgspec.convert(dict.fromkeys(needed, "https://api.example.com/v1"), module.Options)


@pytest.mark.parametrize("named", KNOWN, ids=lambda named: named.kind)
def test_each_row_of_those_who_speak_openais_form_is_a_kind(named: Named) -> None:
    options = TABLE[named.kind].Options
    assert issubclass(options, openai.Options)
    defaults = {field.name: field.default for field in msgspec.structs.fields(options)}
    assert defaults["base_url"] == (named.base_url or msgspec.NODEFAULT)
    assert (defaults["models"] == "*") is named.lists
    assert ("running_usage" in options.REFUSES) is not named.running_usage
