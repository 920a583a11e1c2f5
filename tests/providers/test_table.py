"""The table of kinds: what stands in it keeps the contract."""

import pytest

from gateway.forms.table import FORMS
from gateway.providers import Settings
from gateway.providers.table import TABLE


@pytest.mark.parametrize("kind", TABLE)
def test_a_kind_speaks_a_known_form_and_checks_its_own_options(kind: str) -> None:
    module = TABLE[kind]
    assert module.FORM in FORMS
    assert issubclass(module.Options, Settings)
    assert set(module.Options.REFUSES) <= set(module.Options.__struct_fields__)
    module.Options()
