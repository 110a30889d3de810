import sys
from pathlib import Path

import pytest
from benchmarks.memory import measure, write_text

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells RssAnon"),
]


@pytest.mark.parametrize(("by", "most"), [("stream", 30), ("sentence", 10)])
def test_memory_does_not_grow_with_the_text(by: str, most: int, tmp_path: Path) -> None:
    arguments = [
        "--max-steps",
        "20",
        "--hidden-size",
        "32",
        "--cell",
        "gru",
        "--by",
        by,
        "--val-fraction",
        "0.0005",
    ]
    found = []  # by sentence the order of the sentences is held, a dozen bytes for each
    for megabytes in (1, most):
        directory = tmp_path / str(megabytes)
        directory.mkdir()
        write_text(directory / "text.txt", megabytes)
        found.append(measure(directory / "text.txt", directory, arguments))
    small, large = found
    assert small["last_mib"] > 30  # it was measured at all
    assert large["peak_mib"] <= 1.2 * small["peak_mib"]
    assert large["last_mib"] <= 1.2 * small["last_mib"]
