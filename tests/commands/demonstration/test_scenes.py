"""The scenes: each phase once, and what its call looks like when it is in it.

How they are played on a gateway is tested in `test_play.py`.
"""

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.figures import Fate
from gateway.commands.demonstration.scenes import BLOCK, FLOOD_BYTES, MODEL, SCENES
from gateway.commands.demonstration.wire import Dress


def test_every_phase_has_its_scene() -> None:
    phases = [scene.phase for scene in SCENES]
    assert len(set(phases)) == len(phases)
    assert {scene.dress for scene in SCENES} == set(Dress)
    assert {scene.fate for scene in SCENES} == set(Fate)
    assert {scene.stream for scene in SCENES} == {True, False}
    assert [scene.phase for scene in SCENES if not scene.whole] == ["request body arriving"]
    assert [scene.phase for scene in SCENES if scene.in_tls] == ["connecting: TLS handshake"]


def test_from_outside_only_a_closed_upstream_can_be_seen() -> None:
    outside = [scene for scene in SCENES if scene.from_outside]
    assert len(outside) == 7
    assert {(scene.fate, scene.model) for scene in outside} == {(Fate.CLOSED, MODEL)}


def test_a_connection_is_kept_only_by_a_call_that_was_served() -> None:
    assert [scene.outcome for scene in SCENES if scene.fate is Fate.KEPT] == ["completed"]
    others = {scene.outcome for scene in SCENES if scene.fate is not Fate.KEPT}
    assert others == {"client_gone"}


def test_the_flood_is_made_of_whole_events_and_has_a_bound() -> None:
    event = wire.chunk(wire.event(MODEL, wire.FILLER))
    assert event * (len(BLOCK) // len(event)) == BLOCK
    assert len(BLOCK) < FLOOD_BYTES
