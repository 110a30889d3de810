"""Peers that are there, and peers that are not."""

import pytest
from benchmarks.peers import PEERS, Peer, Unavailable, environment, prepare
from benchmarks.scaling import fit_exponent, fit_line
from benchmarks.step_throughtime import make_workspace
from benchmarks.workloads import Workload

from benchmarks import step_throughtime

TINY = Workload("", "gru", 4, batch=2, seq_len=3, input_size=2, output_size=1, loss="squared")


def test_prepare_makes_our_step() -> None:
    timed = prepare("throughtime", "W3", TINY)
    first = timed.run()
    assert timed.run() < first
    assert "float32, 1 thread" in timed.settings


def test_prepare_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEERS, "nobody", Peer("step_nobody"))
    with pytest.raises(Unavailable, match=r"benchmarks\.step_nobody is not installed"):
        prepare("nobody", "W3", TINY)


def test_a_precision_that_the_processor_has_not_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_throughtime, "has_bf16", lambda: False)
    with pytest.raises(Unavailable, match="no products of bfloat16"):
        make_workspace("bf16")


def test_environment_holds_every_library_to_its_threads() -> None:
    assert environment(2)["OMP_NUM_THREADS"] == environment(2)["OPENBLAS_NUM_THREADS"] == "2"


def test_fits_of_known_growths() -> None:
    sizes = [1, 2, 4, 8]
    assert fit_exponent(sizes, [3 * x**1.5 for x in sizes]) == pytest.approx(1.5)
    line = fit_line(sizes, [5 + 2 * x for x in sizes])
    assert (line["constant"], line["slope"], line["r_squared"]) == pytest.approx((5, 2, 1))
    assert line["exponent"] == pytest.approx(1)
