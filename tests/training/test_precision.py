"""Training in bfloat16: what is rounded, what is not, and what is said where it cannot be."""

import numpy as np
import pytest

import throughtime as tt
from throughtime.machine.precision import NO_BF16, Bfloat16, has_bf16
from throughtime.machine.products import FULL
from throughtime.networks.network import Network
from throughtime.training import loop
from throughtime.training.events import Noticed

needs_tiles = pytest.mark.skipif(not has_bf16(), reason="the processor has no products of bfloat16")
HOW = {"batch_size": 8, "seq_len": 16, "epochs": 2}


def wide_model(tokenizer):
    return tt.LanguageModel(tokenizer.vocab_size, 128, seed=0)


@needs_tiles
def test_updates_are_rounded_and_evaluations_are_not(text, tokenizer, monkeypatch):
    seen = {"bptt": set(), "evaluate_loss": set(), "step_gradients": set()}

    def watched(name):
        plain = getattr(Network, name)

        def watching(self, *batch, workspace, **how):
            seen[name].add(type(workspace.products))
            return plain(self, *batch, workspace=workspace, **how)

        return watching

    for name in seen:
        monkeypatch.setattr(Network, name, watched(name))
    tt.fit(wide_model(tokenizer), text, tokenizer=tokenizer, precision="bf16", flow_every=5, **HOW)
    assert seen == {"bptt": {Bfloat16}, "evaluate_loss": {type(FULL)}, "step_gradients": {type(FULL)}}


@needs_tiles
def test_training_comes_to_what_it_comes_to_in_float32(text, tokenizer):
    full, bf16 = (
        tt.fit(wide_model(tokenizer), text, tokenizer=tokenizer, precision=precision, **HOW)
        for precision in ("full", "bf16")
    )
    assert bf16.finished.val_loss == pytest.approx(full.finished.val_loss, abs=0.03)
    assert bf16.finished.val_loss != full.finished.val_loss


@needs_tiles
def test_a_run_goes_on_in_its_own_precision_to_the_same_bits(text, tokenizer, tmp_path):
    how = {"tokenizer": tokenizer, "precision": "bf16", "batch_size": 8, "seq_len": 16}
    whole = tt.fit(wide_model(tokenizer), text, epochs=4, **how)
    tt.fit(wide_model(tokenizer), text, epochs=2, out=tmp_path / "run", **how)
    resumed = tt.fit(wide_model(tokenizer), text, epochs=4, out=tmp_path / "run", resume=True, **how)
    for name, array in whole.model.params.items():
        np.testing.assert_array_equal(resumed.model.params[name], array)
    with pytest.raises(tt.RunError, match="started with precision 'bf16', and 'full' is found"):
        tt.fit(
            wide_model(tokenizer),
            text,
            epochs=5,
            out=tmp_path / "run",
            resume=True,
            **{**how, "precision": "full"},
        )


def test_elsewhere_training_is_in_float32_and_says_so_once(text, tokenizer, monkeypatch):
    from throughtime.machine import precision

    for module in (precision, loop):
        monkeypatch.setattr(module, "has_bf16", lambda: False)
    events = []
    full, found = (
        tt.fit(
            wide_model(tokenizer), text, tokenizer=tokenizer, precision=name, callbacks=events.append, **HOW
        )
        for name in ("full", "bf16")
    )
    assert [event.line for event in events if isinstance(event, Noticed)] == [NO_BF16]
    for name, array in full.model.params.items():
        np.testing.assert_array_equal(found.model.params[name], array)


def test_fit_warns_where_nobody_hears_its_events(text, tokenizer, monkeypatch):
    from throughtime.machine import precision
    from throughtime.training import fit

    for module in (precision, loop, fit):
        monkeypatch.setattr(module, "has_bf16", lambda: False)
    precision.warn_of_float32.cache_clear()
    with pytest.warns(UserWarning, match="bf16 cannot be had here"):
        tt.fit(wide_model(tokenizer), text, tokenizer=tokenizer, precision="bf16", **HOW)


def test_what_is_no_precision_is_refused_before_anything_is_written(text, tokenizer, tmp_path):
    with pytest.raises(tt.ArgumentError, match="precision 'half' found; expected one of full, bf16"):
        tt.fit(wide_model(tokenizer), text, tokenizer=tokenizer, precision="half", out=tmp_path / "run")
    double = tt.LanguageModel(tokenizer.vocab_size, 8, dtype="float64", seed=0)
    with pytest.raises(tt.ArgumentError, match="expected one of float32"):
        tt.fit(double, text, tokenizer=tokenizer, precision="bf16", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
