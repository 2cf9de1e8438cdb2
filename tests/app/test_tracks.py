"""What the tracks of the genome view read of their files, and what they draw of features, in a real browser."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from app.dna.tracks import pyramid

pytestmark = pytest.mark.browser

LENGTH = 300_000
READ = """async ([start, end, bpPerPixel]) => {
    window.files = window.files || new window.hnet.TrackFiles(name => `fake/${name}`, 300000);
    const found = await window.files.pyramid("p").getFeatures({ chr: "record", start, end, bpPerPixel });
    return found.map(each => [each.start, each.end, each.value]);
}"""
FEATURES = """async ([start, end, bpPerPixel]) => {
    const files = new window.hnet.TrackFiles(name => `fake/${name}`, 300000);
    const { featureSource } = await files.config({ kind: "genes", name: "genes", file: "genes.json" });
    const found = await featureSource.getFeatures({ chr: "record", start, end, bpPerPixel });
    return found.map(each => [each.start, each.end, each.row, each.name, each.kind]);
}"""


@pytest.fixture
def dna(page):
    """The DNA tab, which brings the scripts."""
    page.get_by_role("tab", name="DNA", exact=True).click()
    page.wait_for_function("!!(window.hnet && window.hnet.TrackFiles)")
    return page


@pytest.fixture
def asked(dna):
    """Requests for the pyramid of `values`, as [first, last) of its bytes."""
    asked, content = [], pyramid(values())

    def answer(route):
        first, last = map(int, re.search(r"bytes=(\d+)-(\d+)", route.request.headers["range"]).groups())
        asked.append((first, min(last + 1, len(content))))
        route.fulfill(status=206, body=content[first : last + 1])

    dna.route("**/fake/p", answer)
    return asked


def values() -> np.ndarray:
    """Something at every base but each tenth."""
    value = np.random.default_rng(0).random(LENGTH).astype(np.float32)
    value[::10] = np.nan
    return value


def test_a_view_is_read_by_block_and_the_next_one_beforehand(dna, asked):
    for start, end in ((100_000, 101_000), (200_000, 200_040), (32_760, 32_780)):
        found, want = dna.evaluate(READ, [start, end, 1]), values()[start:end]
        assert [row[0] for row in found] == (start + np.flatnonzero(np.isfinite(want))).tolist()
        drawn = [row[2] for row in found]
        assert drawn == pytest.approx(want[np.isfinite(want)].tolist(), abs=0.5 / 254 + 1e-6)
    dna.evaluate(
        """async () => {
            window.files.ahead(100000, 101000, 1);
            await Promise.all(window.files.pyramid("p").blocks.kept.values());
        }"""
    )
    before = len(asked)
    assert dna.evaluate(READ, [101_000, 103_000, 1])  # a screen on
    assert dna.evaluate(READ, [99_000, 102_000, 4])  # farther
    assert dna.evaluate(READ, [0, LENGTH, 300])  # all of it
    assert len(asked) == before
    assert all(a[1] <= b[0] for a, b in pairwise(sorted(asked)))  # no byte was asked for twice


def test_a_read_that_failed_draws_nothing_and_is_tried_again(dna, asked):
    dna.route("**/fake/p", lambda route: route.fulfill(status=404), times=1)
    assert dna.evaluate(READ, [10, 20, 1]) == [] and asked == []
    assert len(dna.evaluate(READ, [10, 20, 1])) == 9 and len(asked) == 1


def test_neighbours_narrower_than_a_pixel_are_one_feature(dna):
    rows = [[i * 1000, i * 1000 + 900, "+", f"g{i}", "gene"] for i in range(100)]
    rows.append([50_500, 60_000, "-", "long", "gene"])
    dna.route("**/fake/genes.json", lambda route: route.fulfill(body=json.dumps(rows)))
    near = dna.evaluate(FEATURES, [0, 100_000, 10])
    assert sorted(row[3] for row in near) == sorted(row[3] for row in rows)
    assert [row[:2] for row in near] == sorted(row[:2] for row in rows)
    assert {row[3]: row[2] for row in near}["long"] == 1 and [row[2] for row in near].count(0) == 100
    far = dna.evaluate(FEATURES, [0, 100_000, 1000])
    assert far == [[0, 99_900, 0, "", "100 genes"], [50_500, 60_000, 1, "long", "gene"]]
    assert dna.evaluate(FEATURES, [2_000, 2_950, 1]) == [[2_000, 2_900, 0, "g2", "gene"]]
