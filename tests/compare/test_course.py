"""How a run went, from its files."""

import json

import pytest

import throughtime as tt
from throughtime.compare.course import Scored, read_course


def update(step, loss=2.0, clipped=False):
    return {"step": step, "tokens": 40 * step, "loss": loss, "grad_norm": 1.0, "clipped": clipped}


@pytest.fixture
def course_of(tmp_path):
    def read(metrics, flow=None):
        for name, lines in (("metrics.jsonl", metrics), ("flow.jsonl", flow)):
            if lines is not None:
                (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return read_course(tmp_path)

    return read


def test_without_a_validation_text_the_curve_is_of_stretches_of_training(course_of):
    found = course_of([update(step, loss=step) for step in range(1, 101)])
    assert not found.held_out
    assert found.scored[:2] == [Scored(3, 2.0), Scored(6, 5.0)]  # 40 stretches at most, of 3 updates each
    assert found.scored[-1] == Scored(100, 100.0)
    assert len(found.scored) == 34


def test_the_training_loss_is_that_of_the_last_tenth(course_of):
    assert course_of([update(step, loss=step) for step in range(1, 21)]).train_loss == 19.5
    assert course_of([update(1, loss=3.0)]).train_loss == 3.0
    assert course_of([]).train_loss is None


def test_with_a_validation_text_the_curve_is_of_it(course_of):
    scores = [
        {"step": k, "val_loss": loss, "val_bits_per_char": None, "best": loss < 3}
        for k, loss in ((1, 2.5), (2, 3.5))
    ]
    found = course_of([update(1), scores[0], update(2), scores[1]])
    assert found.held_out
    assert found.scored == [Scored(1, 2.5), Scored(2, 3.5)]
    assert found.best == scores[0]


def test_the_share_of_clipped_updates_is_counted(course_of):
    found = course_of([update(step, clipped=step == 2) for step in (1, 2, 3, 4)])
    assert (found.clipped_share, found.steps, found.tokens) == (0.25, 4, 160)


def test_a_divergence_is_found(course_of):
    ends = [{"step": 3, "incident": "the loss is nan", "action": action} for action in ("skip", "stop")]
    assert course_of([update(1), ends[1]]).diverged_at == 3
    left_out = course_of([update(1), ends[0], update(4)])
    assert left_out.diverged_at is None
    assert left_out.steps == 2


def test_a_loss_that_was_no_number_is_left_out(course_of):
    found = course_of([update(1, loss=None), update(2, loss=None)])
    assert found.train_loss is None
    assert found.scored == [Scored(1, None), Scored(2, None)]


def test_a_damaged_record_is_refused(course_of):
    with pytest.raises(tt.RunError, match=r"metrics\.jsonl is damaged in line 2"):
        course_of([update(1), ["no", "record"]])


def test_a_probe_before_all_updates_is_kept(course_of):
    # Such a step is damage, and nothing is looked up by it.
    flow = {"step": -5, "lags": [0, 1], "norms": {"h": [[1.0, 0.5]]}, "horizon": 1, "half_life": 1.0}
    assert course_of([update(1)], [flow]).probes == [flow]
