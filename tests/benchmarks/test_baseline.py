"""What counts as slower than a saved measurement."""

from typing import Any

import pytest
from benchmarks.baseline import compare_rows


def row(**ratios: list[float]) -> dict[str, Any]:
    peers: dict[str, Any] = {
        peer: {"ratio": sorted(found)[len(found) // 2], "ratios": found} for peer, found in ratios.items()
    }
    return {"name": "W2", "peers": {"throughtime": {"milliseconds": 1.0}, **peers}}


def test_compare_rows_tells_change_as_ratio_of_ratios() -> None:
    (found,) = compare_rows([row(torch=[1.5, 1.5, 1.5])], [row(torch=[2.0, 2.0, 2.0])])
    assert found["change"] == {"torch": pytest.approx(0.75)}


@pytest.mark.parametrize(
    ("now", "slower"),
    [([1.2, 1.3, 1.4], True), ([1.2, 1.3, 1.6], False), ([2.0, 2.1, 2.2], False), ([1.2], False)],
    ids=["below all", "within the scatter", "faster", "one round"],
)
def test_compare_rows_names_what_fell_beyond_the_scatter(now: list[float], slower: bool) -> None:
    (found,) = compare_rows([row(torch=now)], [row(torch=[1.5, 1.6, 1.7])])
    assert found["slower"] is slower


def test_compare_rows_believes_no_peer_alone() -> None:
    before = row(torch=[1.5, 1.6], jax=[3.0, 3.1])
    (found,) = compare_rows([row(torch=[1.1, 1.2], jax=[3.0, 3.1])], [before])
    assert not found["slower"]


def test_compare_rows_passes_over_rows_and_peers_that_one_side_lacks() -> None:
    other = row(jax=[1.0, 1.0]) | {"name": "W9"}
    assert compare_rows([other], [row(torch=[1.0, 1.0])]) == []
    assert compare_rows([row(jax=[1.0, 1.0])], [row(torch=[1.0, 1.0])]) == []
