"""A trial on a task: the same numbers from the same seed, ended by what it says."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

import throughtime as tt
from throughtime.study import task_trial as module
from throughtime.study.task_trial import TaskTrial, run_task

EASY = TaskTrial(
    task="random-permutation",
    length=5,
    cell="gru",
    hidden_size=20,
    optimizer="adam",
    lr=0.02,
    max_steps=400,
    eval_every=50,
    test_size=1000,
)


def numbers(result):
    return {name: value for name, value in asdict(result).items() if name != "seconds"}


def test_easy_task_is_learned_and_its_horizon_measured():
    result = run_task(EASY)
    assert result.success
    assert result.ended == "success"
    assert result.steps % 50 == 0
    assert result.error_rate < 0.01
    assert 0 <= result.horizon_before <= 4
    assert 0 < result.horizon_after <= 4
    assert result.seconds > 0


def test_same_trial_gives_the_same_numbers_and_another_seed_others():
    short = replace(EASY, max_steps=60, eval_every=30, lr=0.001)
    first, again, other = run_task(short), run_task(short), run_task(replace(short, seed=1))
    assert numbers(first) == numbers(again)
    assert first.error_rate != other.error_rate


def test_caps_are_told_as_caps():
    assert run_task(replace(EASY, lr=1e-9, max_steps=20, eval_every=50)).ended == "steps"
    capped = run_task(replace(EASY, lr=1e-9, max_seconds=1e-3, eval_every=5))
    assert (capped.ended, capped.steps) == ("time", 5)
    assert not capped.success


@pytest.mark.filterwarnings("error")
def test_divergence_is_a_result():
    result = run_task(
        TaskTrial(
            task="adding", length=20, nonlinearity="relu", lr=1e6, max_steps=200, eval_every=10, test_size=100
        )
    )
    assert result.ended == "diverged"
    assert result.steps < 200
    assert result.horizon_after is None


def test_clipping_and_omega_act():
    base = TaskTrial(task="temporal-order", length=12, max_steps=30, eval_every=30, test_size=200, lr=0.5)
    plain, clipped, held = (
        run_task(each) for each in (base, replace(base, clip_norm="0.01"), replace(base, omega=4.0))
    )
    assert len({each.error_rate for each in (plain, clipped, held)}) == 3


def test_dropout_and_weight_decay_act():
    base = replace(
        EASY, task="adding", length=10, num_layers=2, optimizer="adamw", max_steps=60, eval_every=60
    )
    changed = (base, *(replace(base, **one) for one in ({"dropout": 0.5}, {"weight_decay": 9.0})))
    rates = [run_task(each).error_rate for each in changed]
    assert len({*rates}) == 3


def test_schedule_goes_by_the_tests(monkeypatch):
    seen = []
    step = tt.SGD.step

    def watched(self, params, grads):
        seen.append(self.lr)
        step(self, params, grads)

    monkeypatch.setattr(tt.SGD, "step", watched)
    rates = iter([0.5, 0.6, 0.4, 0.9])
    monkeypatch.setattr(module, "_test", lambda *rest: (next(rates), False))
    run_task(replace(EASY, optimizer="sgd", lr=0.8, schedule="halve", max_steps=8, eval_every=2))
    assert seen == [0.8] * 4 + [0.4] * 4  # after the second test, which was worse
    seen.clear()
    rates = iter([0.5] * 4)
    run_task(replace(EASY, optimizer="sgd", lr=0.8, schedule="exponential:0.5", max_steps=8, eval_every=2))
    assert seen == [0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1]


def test_lengths_may_be_a_range_and_tests_longer():
    seen = set()
    forward = tt.SequenceModel.forward

    def watched(self, inputs, *rest, **named):
        seen.add(len(inputs))
        return forward(self, inputs, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tt.SequenceModel, "forward", watched)
        run_task(replace(EASY, length=(3, 6), test_length=9, max_steps=50))
    assert seen == {9}


def test_range_is_tested_at_many_lengths_and_its_horizon_measured_at_the_longest(monkeypatch):
    seen = []
    forward = tt.SequenceModel.forward

    def watched(self, inputs, *rest, **named):
        seen.append(inputs.shape)
        return forward(self, inputs, *rest, **named)

    monkeypatch.setattr(tt.SequenceModel, "forward", watched)
    monkeypatch.setattr(module.Task, "wrong", lambda self, outputs, targets: np.zeros(len(outputs), bool))
    result = run_task(TaskTrial(task="adding", length=(20, 60), max_steps=1, hidden_size=4, test_size=500))
    assert result.lags >= 59
    assert {batch for _, batch, _ in seen} == {50}
    lengths = {length for length, _, _ in seen}
    assert len(lengths) > 3
    assert all(20 <= length <= 66 for length in lengths)


def test_network_whose_outputs_are_no_numbers_does_not_succeed():
    result = run_task(
        TaskTrial(
            task="adding",
            length=10,
            test_length=400,
            nonlinearity="relu",
            hidden_size=20,
            init="weight_hh=normal:1",
            max_steps=1,
            eval_every=1,
            test_size=200,
            lr=1e-12,
            clip_norm="1",
        )
    )
    assert (result.ended, result.error_rate) == ("steps", 1.0)


def test_all_lags_of_a_task_are_measured():
    result = run_task(replace(EASY, max_steps=50))
    assert result.lags == 4
    assert not result.horizon_before_censored
    assert not result.horizon_after_censored


def test_test_length_that_is_the_length_makes_no_other_trial():
    assert replace(EASY, test_length=5) == EASY


def test_test_ends_as_soon_as_it_can_tell(monkeypatch):
    scored = []
    wrong = module.Task.wrong

    def watched(self, outputs, targets):
        scored.append(len(outputs))
        return np.ones(len(outputs), bool) if len(scored) == 1 else wrong(self, outputs, targets)

    monkeypatch.setattr(module.Task, "wrong", watched)
    run_task(replace(EASY, lr=1e-9, max_steps=1, test_size=10_000))
    assert scored == [1000]


def test_watch_is_told_of_each_test_and_may_end_the_trial():
    told = []

    def watch(steps, error_rate):
        told.append((steps, error_rate))
        if len(told) == 2:
            raise tt.StopTraining

    with pytest.raises(tt.StopTraining):
        run_task(replace(EASY, lr=1e-9), watch)
    assert [steps for steps, _ in told] == [50, 100]


def test_trial_is_fit_for_json():
    spelled = json.loads(json.dumps(replace(EASY, length=(5, 9)).record()))
    assert TaskTrial(**{**spelled, "length": tuple(spelled["length"])}) == replace(EASY, length=(5, 9))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"task": "order"}, "task 'order' found"),
        ({"task": "adding", "length": 3}, "length 3 found; expected at least 10 for adding"),
        ({"test_length": 1}, "length 1 found"),
        ({"batch_size": 0}, "batch_size=0 found"),
        ({"max_seconds": 0.0}, "max_seconds=0.0 found"),
        ({"clip_norm": "1", "clip_value": 1.0}, "clip_norm=1 and clip_value=1.0 found"),
        ({"truncation": "auto:0.1"}, "truncation auto:0.1 found"),
        ({"omega": 1.0}, "omega"),
        ({"optimizer": "sgdd"}, "sgdd"),
        ({"schedule": "now"}, "now"),
        ({"dropout": 1.5}, "dropout"),
        ({"weight_decay": 0.1}, "weight_decay"),
        ({"cell": "grue"}, "grue"),
    ],
)
def test_bad_setting_is_refused_before_anything_runs(wrong, said):
    with pytest.raises(tt.InputError) as caught:
        replace(EASY, **wrong)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
