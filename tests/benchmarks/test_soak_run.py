"""A soak of a moment: everything is started, put under load, and leaves nothing."""

from pathlib import Path

from benchmarks.soak.books import Books
from benchmarks.soak.plan import WARMING
from benchmarks.soak.results import Sample, Wish
from benchmarks.soak.run import Course
from benchmarks.soak.verdict import failed, verdicts

WISH = Wish(seed=1, minutes=0.025, rate=30, workers=1)


def test_a_moment_of_load_is_explained_and_leaves_nothing(tmp_path: Path) -> None:
    heard: list[int] = []

    def tell(sample: Sample, books: Books) -> None:
        heard.append(sample.calls + books.unexplained)

    results = Course(WISH, tmp_path, tell).run()
    found = verdicts(results)
    assert results.examples == []
    assert not failed(found), [each for each in found if each.holds is False]
    assert len(results.samples) == len(heard) > 0
    assert results.calls == results.begun > WARMING
