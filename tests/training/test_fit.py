import hashlib
import json
import math
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import throughtime as tt
from throughtime.data import SentenceBatches, StreamBatches, split, split_sentences
from throughtime.data.progress import Progress
from throughtime.machine import denormals
from throughtime.machine.jit import COMPILING
from throughtime.optim.schedule import HalveOnRise
from throughtime.storage import load_sealed
from throughtime.training.events import Checkpointed, Evaluated, Event, Finished, Started, Step, Stopped

QUICK: dict[str, Any] = {"batch_size": 4, "seq_len": 10, "epochs": 1}


def losses(run) -> list[float]:
    return [record["loss"] for record in run.history if "loss" in record]


def test_fit_learns(text, tokenizer, model):
    run = tt.fit(model, text, tokenizer=tokenizer, optimizer=tt.Adam(0.02), batch_size=4, epochs=8)
    first, last = losses(run)[0], losses(run)[-1]
    assert first == pytest.approx(math.log(tokenizer.vocab_size), rel=0.1)
    assert last < 1.2
    assert run.finished.val_bits_per_char == pytest.approx(run.finished.val_loss / math.log(2))


def test_fit_is_bptt_with_the_state_carried_and_the_optimizer_stepped(text, tokenizer):
    model = tt.LanguageModel(tokenizer.vocab_size, 8, cell="lstm", seed=1)
    by_hand = tt.LanguageModel(tokenizer.vocab_size, 8, cell="lstm", seed=1)
    ids = tokenizer.encode(text)
    run = tt.fit(
        model, ids, truncation=tt.Chunk(7), optimizer=tt.SGD(0.5), batch_size=3, epochs=2, val_fraction=0
    )
    optimizer, expected, state = tt.SGD(0.5), [], None
    for _ in range(2):
        for batch in StreamBatches(ids, 3, 7):
            r = tt.bptt(
                by_hand, batch.inputs, batch.targets, None if batch.fresh else state, truncation=tt.Chunk(7)
            )
            optimizer.step(by_hand.params, r.grads)
            state = r.state
            expected.append(r.loss)
    assert losses(run) == expected
    for name, array in model.params.items():
        np.testing.assert_array_equal(array, by_hand.params[name])


def test_fit_by_sentence_takes_each_sentence_from_a_fresh_state(text, tokenizer, model):
    run = tt.fit(
        model, text, tokenizer=tokenizer, by="sentence", batch_size=5, max_steps=3, val_fraction=0, seed=4
    )
    again = tt.LanguageModel(tokenizer.vocab_size, 12, cell="gru", seed=0)
    sentences = [tokenizer.encode(sentence) for sentence in split_sentences(text)]
    optimizer = tt.Adam(2e-3)
    batches = SentenceBatches(sentences, 5, 4).epoch(0)
    for loss, batch in zip(losses(run), batches, strict=False):
        r = tt.bptt(again, batch.inputs, batch.targets, lengths=batch.lengths)
        optimizer.step(again.params, r.grads)
        assert loss == r.loss


def test_fit_reports_nats_per_token_whatever_the_reduction(text, tokenizer):
    found = {}
    for reduction in ("mean", "sum"):
        model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
        run = tt.fit(model, text, tokenizer=tokenizer, optimizer=tt.SGD(1e-6), reduction=reduction, **QUICK)
        found[reduction] = run.history[0]
    assert found["sum"]["loss"] == pytest.approx(found["mean"]["loss"], rel=1e-6)
    assert found["sum"]["grad_norm"] == pytest.approx(40 * found["mean"]["grad_norm"], rel=1e-4)


def test_fit_keeps_the_best_weights_in_the_model_and_on_disk(text, tokenizer, model, tmp_path):
    # A learning rate at which the validation loss goes up and down.
    run = tt.fit(
        model, text, tokenizer=tokenizer, optimizer=tt.Adam(0.3), batch_size=4, seq_len=10, epochs=2, eval_every=2,
        out=tmp_path / "run",
    )  # fmt: skip
    evaluations = [record for record in run.history if "val_loss" in record]
    best = min(evaluations, key=lambda record: record["val_loss"])
    assert best["step"] != evaluations[-1]["step"]
    assert [record["best"] for record in evaluations].count(True) > 1
    assert run.finished.best_step == best["step"]
    assert run.finished.val_loss == best["val_loss"]
    val = split(range(len(tokenizer.encode(text))), 0.1)[1]
    held_out = tokenizer.encode(text)[val.start :]
    for one in (run, tt.load(tmp_path / "run")):
        assert tt.evaluate(one.model, tokenizer, held_out).loss == best["val_loss"]


def test_fit_holds_out_the_end_of_the_text(tokenizer, model):
    # Were the end learned from, the letters that only it has would be known.
    text = "the cat sat on the mat. " * 30
    tokenizer = tt.Tokenizer.train(text + "q")
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    seen = []
    original = model.bptt
    model.bptt = lambda inputs, targets, **rest: (
        seen.append((inputs, targets)),
        original(inputs, targets, **rest),
    )[1]
    tt.fit(model, text + "q" * 72, tokenizer=tokenizer, batch_size=2, seq_len=9, epochs=1, val_fraction=0.1)
    q = tokenizer.encode("q")[0]
    assert seen
    assert all((inputs != q).all() and (targets != q).all() for inputs, targets in seen)


def test_fit_clips_before_it_steps(text, tokenizer):
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    before = {name: array.copy() for name, array in model.params.items()}
    run = tt.fit(
        model, text, tokenizer=tokenizer, optimizer=tt.SGD(1.0), clip=tt.ClipNorm(1e-3), max_steps=1, val_fraction=0
    )  # fmt: skip
    moved = math.sqrt(sum(((before[name] - array) ** 2).sum() for name, array in model.params.items()))
    assert moved == pytest.approx(1e-3, rel=1e-3)
    assert run.history[0]["clipped"] is True
    assert run.history[0]["grad_norm"] > 0.01


def test_fit_halves_the_rate_when_the_validation_loss_rises(text, tokenizer, model):
    run = tt.fit(
        model, text, tokenizer=tokenizer, optimizer=tt.Adam(0.5), schedule=HalveOnRise(), batch_size=4, epochs=3,
        seq_len=10, eval_every=2,
    )  # fmt: skip
    evaluations = [record for record in run.history if "val_loss" in record]
    expected, lr = [], 0.5
    for before, now in zip([None, *evaluations], evaluations, strict=False):
        lr = lr / 2 if before is not None and now["val_loss"] > before["val_loss"] else lr
        expected.append(lr)
    assert [record["lr"] for record in evaluations] == expected
    assert expected[-1] < 0.5


def test_fit_drops_out_while_training_only(text, tokenizer):
    def first_loss(dropout: float) -> tuple[float, float]:
        model = tt.LanguageModel(tokenizer.vocab_size, 8, num_layers=2, dropout=dropout, seed=0)
        run = tt.fit(model, text, tokenizer=tokenizer, optimizer=tt.SGD(1e-9), max_steps=1)
        return run.history[0]["loss"], run.finished.val_loss

    assert first_loss(0.5)[0] != first_loss(0.0)[0]
    assert first_loss(0.5)[1] == pytest.approx(first_loss(0.0)[1], rel=1e-6)


def test_fit_emits_its_events_in_order_and_counts_tokens(text, tokenizer, model):
    events: list[Event] = []
    others: list[Event] = []
    tt.fit(
        model, text, tokenizer=tokenizer, eval_every=3, callbacks=[events.append, others.append], max_steps=7, **QUICK
    )  # fmt: skip
    assert events == others
    kinds = [type(event) for event in events if not isinstance(event, Progress)]
    assert kinds == [Started, *[Step] * 3, Evaluated, *[Step] * 3, Evaluated, Step, Evaluated, Finished]
    assert [event.step for event in events if isinstance(event, Step)] == list(range(1, 8))
    assert [event.tokens for event in events if isinstance(event, Step)] == [40 * n for n in range(1, 8)]
    assert events[-1].tokens == 280
    assert next(event for event in events if isinstance(event, Started)).steps == 7


def test_fit_without_validation_keeps_the_last_weights(text, tokenizer, model, tmp_path):
    run = tt.fit(model, text, tokenizer=tokenizer, val_fraction=0, out=tmp_path / "run", **QUICK)
    assert run.finished.val_loss is None
    assert run.finished.best_step == run.finished.steps
    assert not any("val_loss" in record for record in run.history)
    loaded = tt.load(tmp_path / "run").model.params
    for name, array in model.params.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_fit_trains_on_bare_token_ids(tmp_path):
    ids = np.arange(400) % 7
    model = tt.LanguageModel(7, 8, seed=0)
    run = tt.fit(
        model, ids, out=tmp_path / "run", optimizer=tt.Adam(0.05), batch_size=4, seq_len=10, epochs=6
    )
    assert run.finished.val_loss < 0.5
    assert run.finished.val_bits_per_char is None
    assert tt.load(tmp_path / "run").tokenizer is None


def test_fit_holds_blas_to_one_thread(text, tokenizer, model):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    seen = []

    def look(event: Event) -> None:
        if isinstance(event, Step):
            seen.append(
                [
                    pool["num_threads"]
                    for pool in threadpoolctl.threadpool_info()
                    if pool["user_api"] == "blas"
                ]
            )

    tt.fit(model, text, tokenizer=tokenizer, max_steps=1, callbacks=look)
    assert seen
    assert all(n == 1 for n in seen[0])


# ---------------------------------------------------------------- divergence


def diverging_model(vocab_size: int) -> tt.LanguageModel:
    """A ReLU network whose state overflows within one update at a large learning rate."""
    return tt.LanguageModel(vocab_size, 16, cell="rnn", nonlinearity="relu", seed=0)


def test_fit_stops_where_a_number_is_not_finite_and_keeps_the_last_good_weights(text, tokenizer, tmp_path):
    model = diverging_model(tokenizer.vocab_size)
    events: list[Event] = []
    with pytest.raises(tt.DivergedError) as caught:
        tt.fit(
            model, text, tokenizer=tokenizer, optimizer=tt.SGD(1e6), seq_len=20, batch_size=2, out=tmp_path / "run",
            callbacks=events.append,
        )  # fmt: skip
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "step 2",
        "learning rate 1e+06",
        "clipping none",
        "at step 1",
        "finite",
        "Cause, learning rate:",
        "throughtime replay",
    ):
        assert part in message, part
    assert isinstance(events[-1], Stopped)
    assert events[-1].diverged
    assert all(np.isfinite(array).all() for array in model.params.values())
    for name, array in tt.load(tmp_path / "run").model.params.items():
        np.testing.assert_array_equal(array, model.params[name])
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last == {"step": 1, "stopped": message}


def test_fit_stops_where_bounded_cells_keep_an_absurd_loss_finite(text, tokenizer, model):
    absurd = r"nats per token; expected at most .*, 100 times a blind guess"
    settings = {"tokenizer": tokenizer, "optimizer": tt.Adam(1e6), "max_steps": 5}
    with pytest.raises(tt.DivergedError, match=f"at step 2: the loss is .* {absurd}"):
        tt.fit(model, text, eval_every=9, **settings)
    with pytest.raises(tt.DivergedError, match=f"at step 1: the validation loss is .* {absurd}"):
        tt.fit(model, text, eval_every=1, **settings)


def test_fit_names_the_parameters_whose_gradient_is_not_finite(text, tokenizer, model, monkeypatch):
    original = model.bptt

    def spoiled(*arguments, **options):
        r = original(*arguments, **options)
        r.grads["readout.bias"][0] = np.nan
        return r

    monkeypatch.setattr(model, "bptt", spoiled)
    before = {name: array.copy() for name, array in model.params.items()}
    with pytest.raises(tt.DivergedError, match=r"step 1: the gradient of readout\.bias is not finite"):
        tt.fit(model, text, tokenizer=tokenizer, clip=tt.ClipNorm(1.0))
    for name, array in model.params.items():
        np.testing.assert_array_equal(array, before[name])


def test_fit_names_a_structured_gradient_that_is_not_finite(text, tokenizer, model, monkeypatch):
    original = model.bptt

    def spoiled(*arguments, **options):
        r = original(*arguments, **options)
        r.grads["rnn.weight_ih_l0"].rows[0, 0] = np.nan
        return r

    monkeypatch.setattr(model, "bptt", spoiled)
    with pytest.raises(tt.DivergedError, match=r"step 1: the gradient of rnn\.weight_ih_l0 is not finite"):
        tt.fit(model, text, tokenizer=tokenizer, optimizer=tt.SGD(0.1))


def test_fit_never_keeps_weights_that_an_update_made_infinite(text, tokenizer, tmp_path):
    model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
    with pytest.raises(tt.DivergedError, match=r"the parameter .* is not finite"):
        tt.fit(
            model, text, tokenizer=tokenizer, optimizer=tt.Adam(1e39), max_steps=1, val_fraction=0, out=tmp_path / "r"
        )  # fmt: skip
    assert all(np.isfinite(array).all() for array in tt.load(tmp_path / "r").model.params.values())


# ---------------------------------------------------------------- interruption


def interrupt_at(step: int, number: int = signal.SIGINT):
    def listener(event: Event) -> None:
        if isinstance(event, Step) and event.step == step:
            signal.raise_signal(number)

    return listener


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_fit_interrupted_says_how_to_go_on_and_goes_on(number, text, tokenizer, model, tmp_path):
    out = tmp_path / "the run"
    before = signal.getsignal(number)
    settings = {"tokenizer": tokenizer, "eval_every": 9, "out": out, **QUICK}
    with pytest.raises(tt.Interrupted) as caught:
        tt.fit(model, text, callbacks=interrupt_at(2, number), **settings)
    assert signal.getsignal(number) is before
    assert caught.value.signal == number
    assert str(caught.value) == (
        f"interrupted at step 2; the run so far lies in {out}. Go on with: throughtime train --resume --out '{out}'"
    )
    assert tt.load(out).history[-1] == {"step": 2, "stopped": "interrupted at step 2"}
    run = tt.fit(model, text, resume=True, **settings)
    assert run.finished.resumed_step == 2
    assert not any("stopped" in record for record in run.history)


def test_fit_interrupted_before_an_evaluation_keeps_the_present_weights(text, tokenizer, model, tmp_path):
    start = {name: array.copy() for name, array in model.params.items()}
    settings = {"eval_every": 9, **QUICK}
    with pytest.raises(KeyboardInterrupt):
        tt.fit(model, text, tokenizer=tokenizer, out=tmp_path / "run", callbacks=interrupt_at(2), **settings)
    loaded = tt.load(tmp_path / "run")
    assert any((array != start[name]).any() for name, array in loaded.model.params.items())


def test_fit_interrupted_later_keeps_the_best_weights(text, tokenizer, model, tmp_path):
    kept = {}

    def listener(event: Event) -> None:
        if isinstance(event, Evaluated):
            kept.update({name: array.copy() for name, array in model.params.items()})

    with pytest.raises(KeyboardInterrupt):
        tt.fit(
            model, text, tokenizer=tokenizer, out=tmp_path / "run", eval_every=3, **QUICK,
            callbacks=[listener, interrupt_at(5)],
        )  # fmt: skip
    for name, array in tt.load(tmp_path / "run").model.params.items():
        np.testing.assert_array_equal(array, kept[name])
        np.testing.assert_array_equal(array, model.params[name])


def test_fit_interrupted_in_an_evaluation_makes_it_when_it_goes_on(text, tokenizer, tmp_path):
    def fit(out, interrupted_call=None, resume=False):
        model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
        original, calls = model.evaluate_loss, []

        def evaluate_loss(*arguments, **options):
            calls.append(1)
            if len(calls) == interrupted_call:
                signal.raise_signal(signal.SIGTERM)
            return original(*arguments, **options)

        model.evaluate_loss = evaluate_loss
        # At this rate averaging begins soon: while it is evaluated, the model has other weights than it trains.
        return tt.fit(
            model, text * 3, tokenizer=tokenizer, out=out, resume=resume, optimizer=tt.SGD(4.0), average=1, eval_every=4,
            batch_size=4, seq_len=10, epochs=3,
        )  # fmt: skip

    whole = fit(tmp_path / "whole")
    assert any(name.startswith("averaged/") for name in newest_arrays(tmp_path / "whole"))
    with pytest.raises(tt.Interrupted):
        fit(tmp_path / "run", 80)  # within the 27th evaluation
    run = fit(tmp_path / "run", resume=True)

    def losses_of(run):
        return [(record["step"], record.get("loss"), record.get("val_loss")) for record in run.history]

    assert losses_of(run) == losses_of(whole)


def newest_arrays(run: Path):
    return load_sealed(max((run / "checkpoints").iterdir()))[0]


def test_a_second_signal_is_taken_at_its_word(text, tokenizer, model, tmp_path):
    def twice(event: Event) -> None:
        if isinstance(event, Step) and event.step == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        tt.fit(model, text, tokenizer=tokenizer, out=tmp_path / "run", callbacks=twice, **QUICK)
    assert not isinstance(caught.value, tt.Interrupted)


def test_fit_in_a_thread_leaves_signals_alone(text, tokenizer, model):
    handlers = []

    def note(event: Event) -> None:
        handlers.append(signal.getsignal(signal.SIGINT))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(tt.fit, model, text, tokenizer=tokenizer, max_steps=1, callbacks=note, **QUICK).result()
    assert set(handlers) == {signal.getsignal(signal.SIGINT)}


# ---------------------------------------------------------------- an early end


def test_fit_stops_when_a_callback_asks_for_it(text, tokenizer, model, tmp_path):
    def enough(event: Event) -> None:
        if isinstance(event, Step) and event.step == 5:
            raise tt.StopTraining("that is enough")

    run = tt.fit(
        model, text, tokenizer=tokenizer, callbacks=enough, out=tmp_path / "run", eval_every=9, **QUICK
    )
    assert (run.finished.steps, run.finished.early, run.finished.best_step) == (5, "that is enough", 5)


@pytest.mark.parametrize("kind", [Started, Step, Evaluated, Checkpointed, Finished])
def test_a_callback_may_end_training_at_any_event_again_and_again(kind, text, tokenizer, model, tmp_path):
    def enough(event: Event) -> None:
        if isinstance(event, kind):
            raise tt.StopTraining(kind.__name__)

    run = tt.fit(
        model, text, tokenizer=tokenizer, callbacks=enough, out=tmp_path / "run", eval_every=4, **QUICK
    )
    steps = {Started: 0, Checkpointed: 0, Step: 1, Evaluated: 4}
    assert run.finished.steps == steps.get(kind, run.history[-1]["step"])
    assert run.finished.early == (None if kind is Finished else kind.__name__)
    assert run.finished.val_loss is not None or run.finished.steps == 0


def test_fit_ended_with_bad_weights_under_rollback_ends_well(text, tokenizer, model, tmp_path):
    def ruin(event: Event) -> None:
        if isinstance(event, Step) and event.step == 9:
            model.params["readout.bias"][0] = np.nan
            raise tt.StopTraining("now")

    run = tt.fit(
        model, text, tokenizer=tokenizer, callbacks=ruin, out=tmp_path / "run", eval_every=4, on_incident="rollback",
        **QUICK,
    )  # fmt: skip
    assert (run.finished.steps, run.finished.early) == (8, "now")


def test_fit_gives_the_optimizer_s_rate_back(text, tokenizer, model):
    optimizer = tt.Adam(0.01)
    tt.fit(
        model,
        text,
        tokenizer=tokenizer,
        optimizer=optimizer,
        schedule=tt.schedule_from_spec("cosine"),
        max_steps=5,
        **QUICK,
    )
    assert optimizer.lr == 0.01


def test_fit_stops_after_evaluations_without_a_better_one(text, tokenizer, model):
    run = tt.fit(
        model, text, tokenizer=tokenizer, optimizer=tt.Adam(0.4), batch_size=4, seq_len=10, epochs=20, eval_every=2,
        patience=3,
    )  # fmt: skip
    best = [record["best"] for record in run.history if "val_loss" in record]
    assert best[-3:] == [False, False, False]
    assert all(any(best[n : n + 3]) for n in range(len(best) - 3))
    assert run.finished.early == "no better evaluation in 3"
    assert run.finished.steps < 20 * 21


def test_fit_averages_the_weights_once_evaluations_stop_getting_better(text, tokenizer):
    def train(average):
        model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
        return tt.fit(
            model, text, tokenizer=tokenizer, optimizer=tt.SGD(4.0), batch_size=4, seq_len=10, epochs=8, eval_every=4,
            average=average,
        )  # fmt: skip

    plain, averaged = train(None), train(1)
    evaluations = [[r["val_loss"] for r in run.history if "val_loss" in r] for run in (plain, averaged)]
    losses_of = [losses(run) for run in (plain, averaged)]
    assert losses_of[0] == losses_of[1]  # training itself goes on with the weights as they are
    first = next(n for n, (a, b) in enumerate(zip(*evaluations, strict=True)) if a != b)
    # The evaluation before it was the first worse than the best of those before the last.
    rises = [n for n in range(2, len(evaluations[0])) if evaluations[0][n] > min(evaluations[0][: n - 1])]
    assert first == rises[0] + 1


def test_fit_tells_how_often_it_clipped(text, tokenizer, model):
    run = tt.fit(model, text, tokenizer=tokenizer, clip=tt.ClipNorm(0.2), **QUICK)
    clipped = [record["clipped"] for record in run.history if "loss" in record]
    assert run.finished.clipped_share == sum(clipped) / len(clipped)


def test_fit_follows_a_schedule(text, tokenizer, model):
    run = tt.fit(
        model, text, tokenizer=tokenizer, optimizer=tt.SGD(0.5), schedule=tt.schedule_from_spec("warmup:4,cosine"),
        max_steps=10, **QUICK,
    )  # fmt: skip
    rates = [record["lr"] for record in run.history if "loss" in record]
    expected = [0.5 * min(1, (n + 1) / 4) * (1 + math.cos(math.pi * n / 10)) / 2 for n in range(10)]
    assert rates == pytest.approx(expected, rel=1e-12)


def test_fit_by_chunks_that_look_back_scores_each_token_once(text, tokenizer):
    ids = tokenizer.encode(text)
    by_hand = tt.LanguageModel(tokenizer.vocab_size, 8, cell="lstm", seed=1)
    model = tt.LanguageModel(tokenizer.vocab_size, 8, cell="lstm", seed=1)
    run = tt.fit(
        model, ids, truncation=tt.Chunk(5, 12), optimizer=tt.SGD(0.5), batch_size=3, epochs=1, val_fraction=0
    )
    assert run.finished.tokens == len(ids) - 1
    optimizer, states, expected = tt.SGD(0.5), {0: None}, []
    streams = [ids[first : last + 2] for first, last in bounds(len(ids) - 1, 3)]
    longest = max(map(len, streams)) - 1
    for stop in [*range(5, longest, 5), longest]:
        scored = (stop - 1) // 5 * 5
        start = max(0, scored + 5 - 12)
        window = np.full((2, stop - start, 3), -100)
        for b, stream in enumerate(streams):
            for t in range(start, stop):
                window[0, t - start, b] = stream[min(t, len(stream) - 2)]
                if t >= scored and t + 1 < len(stream):
                    window[1, t - start, b] = stream[t + 1]
        following = max(0, scored + 10 - 12)
        r = tt.bptt(by_hand, window[0], window[1], states[start])
        carried = tt.bptt(by_hand, window[0], window[1], states[start], carry=following - start).state
        states[following] = carried if following else None
        optimizer.step(by_hand.params, r.grads)
        expected.append(r.loss)
    assert losses(run) == pytest.approx(expected, rel=1e-5)


def bounds(steps: int, B: int):
    """The first and last step of B runs, the longer ones first."""
    sizes = [steps // B + (b < steps % B) for b in range(B)]
    return [(sum(sizes[:b]), sum(sizes[: b + 1]) - 1) for b in range(B)]


# ---------------------------------------------------------------- the same bits

SCRIPT = """
import sys
import throughtime as tt
from tests.training.conftest import TEXT
tokenizer = tt.Tokenizer.train(TEXT)
model = tt.LanguageModel(tokenizer.vocab_size, 12, num_layers=2, dropout=0.2, embedding_size=8, seed=3)
tt.fit(model, TEXT, tokenizer=tokenizer, by="sentence", batch_size=4, max_steps=12, seed=5, out=sys.argv[1])
"""


def test_fit_gives_the_same_bits_in_every_process(tmp_path):
    root = Path(__file__).parents[2]
    digests, metrics = [], []
    for name in ("one", "two"):
        out = tmp_path / name
        subprocess.run([sys.executable, "-c", SCRIPT, str(out)], cwd=root, check=True, timeout=300)
        digests.append(hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest())
        records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        metrics.append([{k: v for k, v in record.items() if k != "tokens_per_second"} for record in records])
    assert digests[0] == digests[1]
    assert metrics[0] == metrics[1]


def test_fit_gives_other_bits_for_another_seed(text, tokenizer):
    found = []
    for seed in (0, 1):
        model = tt.LanguageModel(tokenizer.vocab_size, 8, seed=0)
        run = tt.fit(model, text, tokenizer=tokenizer, by="sentence", batch_size=4, max_steps=3, seed=seed)
        found.append(losses(run))
    assert found[0] != found[1]


# ---------------------------------------------------------------- bad input, before anything is written

BAD: list[tuple[dict[str, Any], type[tt.ThroughtimeError], str]] = [
    ({"seq_len": 5, "truncation": tt.Chunk(5)}, tt.ArgumentError, "one of the two"),
    ({"seq_len": 5, "by": "sentence"}, tt.ArgumentError, "each sentence is taken whole"),
    ({"seq_len": 0}, tt.ArgumentError, "seq_len=0"),
    ({"batch_size": 0}, tt.ArgumentError, "batch_size=0"),
    ({"batch_size": 100_000}, tt.TextError, "expected at least 100001"),
    ({"epochs": 0}, tt.ArgumentError, "epochs=0"),
    ({"max_steps": -1}, tt.ArgumentError, "max_steps=-1"),
    ({"eval_every": 0}, tt.ArgumentError, "eval_every=0"),
    ({"val_fraction": 1.0}, tt.ArgumentError, "val_fraction is 1.0"),
    ({"val_fraction": float("nan")}, tt.ArgumentError, "val_fraction is nan"),
    ({"reduction": "median"}, tt.ArgumentError, "reduction 'median'"),
    ({"by": "page"}, tt.ArgumentError, "by='page'"),
    ({"seed": -1}, tt.ArgumentError, "seed -1"),
    ({"seed": None}, tt.ArgumentError, "seed None"),
    ({"optimizer": "adam"}, tt.ArgumentError, "optimizer 'adam'"),
    ({"truncation": "full"}, tt.ArgumentError, "truncation 'full'"),
    ({"clip": 1.0}, tt.ArgumentError, r"such as ClipNorm\(1.0\)"),
    ({"tokenizer": None}, tt.ArgumentError, "text found without a tokenizer"),
    ({"tokenizer": tt.Tokenizer.train("xyz")}, tt.ArgumentError, "the tokenizer has 6 tokens"),
    ({"omega": 4.0}, tt.ArgumentError, "omega=4 found with cell gru"),
    ({"corpus": "ab"}, tt.TextError, "the text has 2 tokens"),
    ({"corpus": " \n"}, tt.TextError, "empty"),
    ({"corpus": "one sentence", "by": "sentence"}, tt.TextError, "1 sentences"),
    ({"corpus": np.array([1, 2, 99] * 50)}, tt.TokenError, "token 2 is 99"),
    ({"corpus": np.array([1, 2, -1] * 50)}, tt.TokenError, "token 2 is -1"),
    ({"corpus": np.zeros((3, 3), int)}, tt.ArgumentError, r"shape \(3, 3\)"),
    ({"corpus": np.zeros(30)}, tt.ArgumentError, "dtype float64"),
    ({"corpus": np.zeros(300, int), "by": "sentence"}, tt.ArgumentError, "by='sentence'"),
]


@pytest.mark.parametrize(("setting", "error", "message"), BAD)
def test_fit_refuses_bad_input_before_anything_is_written(
    setting, error, message, text, tokenizer, model, tmp_path
):
    arguments = {"corpus": text, "tokenizer": tokenizer, "out": tmp_path / "run", **setting}
    with pytest.raises(error, match=message) as caught:
        tt.fit(model, **arguments)
    assert "\n" not in str(caught.value)
    assert "; expected" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_fit_refuses_a_model_that_is_none_of_tokens():
    with pytest.raises(tt.ArgumentError, match="a SequenceModel found"):
        tt.fit(tt.SequenceModel(1, 2, 1), "some text")


@pytest.mark.skipif(
    not COMPILING or not denormals._FLUSH, reason="no control register known, or the compiler is off"
)
def test_fit_flushes_denormals_around_its_whole_loop_and_not_after(text, tokenizer, model):
    tiny = np.full(64, 1e-30, np.float32)
    products = []

    def between_steps(event):
        if isinstance(event, Step):
            products.append(float((tiny * np.float32(1e-10)).max()))

    tt.fit(model, text, tokenizer=tokenizer, max_steps=2, callbacks=between_steps)
    assert products == [0.0, 0.0]
    assert (tiny * np.float32(1e-10)).max() > 0
