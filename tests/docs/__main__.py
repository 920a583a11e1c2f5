"""Writes the pages that are made of the code: `python -m tests.docs`."""

from tests.docs import api_page, commands_page

for made in (api_page, commands_page):
    made.PAGE.write_text(made.page(), encoding="utf-8")
