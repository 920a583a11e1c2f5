"""A reader whose thoughts are noted is read as it is without."""

import pytest

from gateway.forms.gemini_answer import AnswerReader
from gateway.policy.thoughts import Notes, Thoughts
from gateway.relay.remembering import Remembering
from gateway.words.call import Call
from gateway.words.caller import ANYONE
from gateway.words.errors import UpstreamTruncated
from tests.forms.test_gemini_answer import EVENTS, LIMIT, golden


def reading(thoughts: Thoughts) -> tuple[Remembering, AnswerReader]:
    call = Call("chat", "chat", "smart", True, False, {})
    plain, noted = (AnswerReader(call, 200, EVENTS, LIMIT, LIMIT) for _ in range(2))
    return Remembering(noted, Notes(thoughts, ANYONE)), plain


def test_it_reads_what_the_other_reads_and_the_thoughts_are_kept_at_the_end() -> None:
    thoughts = Thoughts()
    noted, plain = reading(thoughts)
    wire = golden("tools")[0]
    assert noted.feed(wire) == plain.feed(wire)
    assert (noted.ended, len(thoughts)) == (False, 0)
    assert noted.end() == plain.end()
    assert (noted.ended, len(thoughts)) == (True, 3)
    assert noted.end() == plain.end() == []


def test_what_goes_wrong_is_told_as_by_the_other() -> None:
    thoughts = Thoughts()
    noted, plain = reading(thoughts)
    wire = golden("tools")[0][:600] + b"\n\n"
    assert noted.feed(wire) == plain.feed(wire)
    assert noted.malformed_events == plain.malformed_events == 1
    with pytest.raises(UpstreamTruncated):
        noted.end()
    assert (noted.ended, len(thoughts)) == (False, 0)
