from typing import Any

import numpy as np
import pytest
from tests.training.conftest import TEXT
from tests.training.test_plan import SETTINGS

import throughtime as tt
from throughtime.flow.curve import Curve
from throughtime.machine.workspace import Workspace
from throughtime.optim import ClipAuto, HalveOnRise
from throughtime.training.events import Probed, Step
from throughtime.training.material import prepare
from throughtime.training.metrics import Metrics
from throughtime.training.plan import Plan
from throughtime.training.run_state import RunState

TOKENIZER = tt.Tokenizer.train(TEXT)
# What makes a run's other parts, or is made of them; nothing here changes from update to update.
CONSTANT = {
    "plan",
    "path",
    "metrics",
    "settings",
    "steps",
    "steps_per_epoch",
    "validates",
    "base_lr",
    "_since",
}


def state(seed: int, truncation: Any = None) -> RunState:
    model = tt.LanguageModel(TOKENIZER.vocab_size, 5, cell="lstm", num_layers=2, dropout=0.3, seed=seed)
    settings = {"batch_size": 4, "seq_len": 10, "average": 1, "clip": ClipAuto(), "schedule": HalveOnRise()}
    settings["truncation"] = truncation
    plan = Plan.of(**{**SETTINGS, "optimizer": tt.Adam(0.02), **settings})
    config = {
        "model": model.settings,
        "tokenizer": None,
        "training": plan.record(),
        "corpus": {"sha256": "0" * 64},
    }
    material = prepare(TEXT, TOKENIZER, TOKENIZER.vocab_size, plan)
    return RunState(model, plan, material, None, Metrics(None), config)


def live(run: RunState, updates: int) -> None:
    """Change every part of a run."""
    rng = np.random.default_rng(run.course.step)
    material = prepare(TEXT, TOKENIZER, TOKENIZER.vocab_size, run.plan)
    for n, batch in zip(range(updates), material.train, strict=False):
        result = run.model.bptt(
            batch.inputs,
            batch.targets,
            truncation=run.plan.within_update,
            workspace=Workspace(),
            state=run.carried,
            training=True,
        )
        found = run.plan.clip.apply(result.grads)
        run.plan.optimizer.step(run.model.params, result.grads)
        run.carried = result.state
        run.watch.add(found.norm)
        if run.adapting is not None:
            run.adapting.hear(Curve(rng.uniform(0.1, 1.0) ** np.arange(30)))
        run.course.count(batch, result.loss, found.clipped)
        run.take_notice([2.0, 3.0, 4.0, 5.0, 1.0][n % 5])
        if run.averaged is not None:
            run.averaged.update(run.model.params)
        run.metrics(Step(n + 1, 9, 1, 1, result.loss, found.norm, found.clipped, 0.1, 1.0, 1.0))
        run.metrics(Probed(n + 1, {"horizon": n}))
    run.kept.keep(updates, None)


def assert_same(one: RunState, other: RunState) -> None:
    first, second = one.snapshot(), other.snapshot()
    for about in (first.about, second.about):
        about["course"]["seconds"] = 0
    assert first.about == second.about
    assert first.arrays.keys() == second.arrays.keys()
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(second.arrays[name], array)


@pytest.mark.parametrize("truncation", [None, tt.Auto(0.1)])
def test_a_snapshot_restores_every_part_of_a_run(truncation):
    run, other = state(0, truncation), state(1, truncation)
    live(run, 7)
    live(other, 3)
    snapshot = run.snapshot()
    assert {name.partition("/")[0] for name in snapshot.arrays} == {
        *("weights", "optimizer", "state", "kept", "averaged"),
    }
    for name in ("course", "flow"):
        getattr(other.metrics, name).records[:] = getattr(run.metrics, name).records
    other.restore(snapshot)
    assert_same(run, other)
    assert run.look_back == other.look_back
    assert run.chosen == other.chosen
    for each in (run, other):  # and from there on they are the same
        live(each, 4)
    assert_same(run, other)


def test_every_attribute_of_a_run_is_known_here():
    # A new one must either be named in CONSTANT or be seen to by snapshot and restore.
    changing = {"model", "course", "carried", "kept", "trigger", "averaged", "watch", "adapting"}
    assert set(vars(state(0))) == CONSTANT | changing
