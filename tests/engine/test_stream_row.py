"""A stream's place in a hop knows what kind of work its payloads are."""

from engine.hop_kind import END_S, HopKind
from engine.inline_workers import InlineWorkers
from engine.stream_row import HopPlace
from modules.batching.waiting import Urgency
from modules.stages.hop import END, Hop, HopCall
from tests.live_streams import Means


def test_work_is_of_one_kind_by_hop_chunk_length_and_home() -> None:
    """Equal kinds may go together; the end of a stream is a kind of its own, whatever its chunks are."""
    hop, urgency = Hop([], Means(), []), Urgency(1.0, 2)
    place = HopPlace(hop, InlineWorkers(), hop.open(), home=1)
    assert place.session is not None
    works = [place.work(payload, chunk_s, urgency, print) for payload, chunk_s in ((7, 0.2), (8, 0.2), (END, 0.4))]
    assert [work.kind for work in works] == [
        HopKind(hop, 0.2, 1),
        HopKind(hop, 0.2, 1),
        HopKind(hop, END_S, 1),
    ]
    assert [work.home for work in works] == [1, 1, 1]
    assert [work.payload for work in works] == [HopCall(place.session, payload) for payload in (7, 8, END)]
    assert {work.urgency for work in works} == {urgency}
    other = HopPlace(hop, InlineWorkers(), hop.open())
    assert other.work(7, 0.2, urgency, print).kind == HopKind(hop, 0.2)
