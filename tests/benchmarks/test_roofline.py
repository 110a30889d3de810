"""Operations and bytes counted by hand beside the formulas'."""

import pytest
from benchmarks.roofline import Ceilings, count, place
from benchmarks.workloads import WORKLOADS, Workload


def test_count_of_the_articles_model_has_no_product_for_one_hot_tokens() -> None:
    counts = count(WORKLOADS["W1"])
    recurrence, readout = 20 * 100 * 100, 20 * 100 * 8000
    assert counts.operations == 3 * 2 * (recurrence + readout)


def test_count_projects_an_embedding_by_its_shorter_side() -> None:
    def products_of_input(vocab_size: int) -> int:
        work = Workload("", "lstm", 3, batch=2, seq_len=5, vocab_size=vocab_size, embedding_size=7)
        recurrence, readout = 10 * 3 * 12, 10 * 3 * vocab_size
        return count(work).operations - 3 * 2 * (recurrence + readout)

    assert products_of_input(4) == 3 * 2 * 4 * 7 * 12  # the table, as it is shorter than the text
    assert products_of_input(40) == 3 * 2 * 10 * 7 * 12  # the text


def test_count_reads_out_one_step_for_a_loss_at_the_last() -> None:
    every = Workload("", "rnn", 3, batch=2, seq_len=5, input_size=4, output_size=6)
    last = Workload("", "rnn", 3, batch=2, seq_len=5, input_size=4, output_size=6, at="last")
    assert count(every).operations - count(last).operations == 3 * 2 * (10 - 2) * 3 * 6


def test_count_knows_a_gradient_of_low_rank_by_its_factors() -> None:
    work = Workload("", "rnn", 50, batch=1, seq_len=1, input_size=1, output_size=40, bias=False)
    weights = 50 * 50 + 40 * 50 + 50
    gradients = (50 + 50) + (40 + 50) + 50
    activations = 50 + 50 + 40
    assert count(work).bytes == 2 * 4 * (weights + gradients + activations)


def test_place_takes_the_higher_floor() -> None:
    work = WORKLOADS["W3"]
    counts = count(work)
    fast_memory = place(work, 4.0, Ceilings(peak=counts.operations / 1e-3, bandwidth=counts.bytes / 0.5e-3))
    assert fast_memory["bound"] == "products"
    assert fast_memory["share_of_attainable"] == pytest.approx(0.25)
    slow_memory = place(work, 4.0, Ceilings(peak=counts.operations / 1e-3, bandwidth=counts.bytes / 2e-3))
    assert slow_memory["bound"] == "memory"
    assert slow_memory["share_of_attainable"] == pytest.approx(0.5)
    assert slow_memory["share_of_peak"] == pytest.approx(0.25)
