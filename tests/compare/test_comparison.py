import json

import pytest
from tests.compare.conftest import STEPS, TEXT, bursting, variant

import throughtime as tt
from throughtime.compare import compare, train_variant
from throughtime.compare.comparison import Comparison
from throughtime.compare.events import Begun, Ended, Training
from throughtime.training.events import Step


def metrics(run) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_compare_makes_an_ordinary_run_of_each_variant(compared: Comparison):
    run = tt.load(compared.path / "gru")
    assert run.model.settings["cell"] == "gru"
    assert run.require_tokenizer().encode("cat").tolist() == tt.Tokenizer.train(TEXT).encode("cat").tolist()
    assert (compared.path / "compare.html").stat().st_size


def test_compare_gives_all_the_same_text_and_budget(compared: Comparison):
    configs = [tt.load(compared.path / name).config for name in ("tanh", "gru")]
    assert configs[0]["corpus"] == configs[1]["corpus"]
    steps = [[r["tokens"] for r in metrics(compared.path / name) if "loss" in r] for name in ("tanh", "gru")]
    assert steps[0] == steps[1]
    assert len(steps[0]) == STEPS


def test_compare_is_what_each_variant_is_when_it_is_trained_alone(compared: Comparison, text):
    tokenizer = tt.Tokenizer.train(text)
    model = tt.LanguageModel(tokenizer.vocab_size, 6, cell="gru", seed=0)
    run = tt.fit(
        model, text, tokenizer=tokenizer, optimizer=tt.Adam(0.02), max_steps=STEPS, batch_size=4, seq_len=10
    )
    outcome = compared.outcomes[2]
    assert run.finished.val_loss == outcome.val_loss
    assert run.finished.tokens == outcome.tokens
    assert model.num_params == outcome.parameters


def test_compare_records_a_variant_that_diverges_and_goes_on(compared: Comparison):
    tanh, burst, gru = compared.outcomes
    assert (tanh.state, burst.state, gru.state) == ("finished", "diverged", "finished")
    assert burst.diverged_at == 2
    assert burst.steps == 1
    assert burst.stopped.startswith("training diverged at step 2: ")
    assert tanh.diverged_at is None
    assert tanh.stopped is None


def test_compare_json_is_a_flat_record_of_each_variant(compared: Comparison):
    record = json.loads((compared.path / "compare.json").read_text(encoding="utf-8"))
    assert record == compared.record
    assert record["corpus"]["name"] == "the text"
    assert record["tokenizer"] == {"unit": "char", "vocab_size": tt.Tokenizer.train(TEXT).vocab_size}
    tanh = record["variants"][0]
    assert tanh["variant"] == "tanh"
    assert tanh["run"] == "tanh"
    assert tanh["settings"]["model"]["cell"] == "rnn"
    for name in ("parameters", "val_loss", "val_perplexity", "val_bits_per_char", "seconds", "horizon_last"):
        assert tanh[name] > 0, name


def test_compare_probes_all_at_the_same_steps(compared: Comparison):
    steps = [
        [json.loads(line)["step"] for line in (compared.path / name / "flow.jsonl").read_text().splitlines()]
        for name in ("tanh", "gru")
    ]
    assert steps[0] == steps[1]
    assert len(steps[0]) >= 10
    assert compared.outcomes[0].probe_first == steps[0][0]
    assert compared.outcomes[0].probe_last == steps[0][-1]


def test_compare_leaves_probes_that_were_asked_for(place, text):
    compare([variant("a", flow_every=5)], text, out=place)
    assert tt.load(place / "a").config["training"]["flow_every"] == 5


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (variant("b", "nonsense"), "nonsense"),
        (variant("b", clip=3), "clip"),
        (variant("a"), "twice"),
    ],
)
def test_compare_refuses_before_anything_is_written(bad, found, place, text):
    with pytest.raises(tt.InputError, match=found) as error:
        compare([variant("a"), bad], text, out=place)
    assert "\n" not in str(error.value)
    assert not place.exists()


def test_compare_refuses_a_text_that_is_too_short_before_anything_is_written(place, text):
    with pytest.raises(tt.TextError, match="the training part of the text"):
        compare([variant("a", batch_size=2000)], text, out=place)
    assert not place.exists()


def test_compare_refuses_a_directory_that_is_taken(compared: Comparison, text):
    with pytest.raises(tt.RunError, match="already holds"):
        compare([variant("a")], text, out=compared.path)


def test_compare_tells_what_happens(place, text):
    told = []
    compare([variant("a"), variant("b")], text, out=place, listeners=told.append)
    begun = next(event for event in told if isinstance(event, Begun))
    assert [(each.variant, each.state) for each in begun.outcomes] == [("a", "to come"), ("b", "to come")]
    ended = [event.outcome.variant for event in told if isinstance(event, Ended)]
    assert ended == ["a", "b"]
    steps = [event.variant for event in told if isinstance(event, Training) and isinstance(event.event, Step)]
    assert steps == ["a"] * STEPS + ["b"] * STEPS


def interrupt_at(name: str, step: int):
    """A listener that presses Ctrl-C, in effect, within a variant."""

    def told(event) -> None:
        if not (isinstance(event, Training) and event.variant == name):
            return
        if isinstance(event.event, Step) and event.event.step == step:
            raise KeyboardInterrupt

    return told


def test_compare_resumes_without_training_again_what_is_finished(compared: Comparison, place, text):
    variants = [variant("tanh"), bursting(), variant("gru", "gru")]
    with pytest.raises(tt.Interrupted) as stop:
        compare(variants, text, out=place, listeners=interrupt_at("gru", 12))
    assert f"throughtime compare --resume --out {place}" in str(stop.value)
    assert stop.value.signal == 2

    told = []
    found = compare(variants, text, out=place, resume=True, listeners=told.append)
    trained = {event.variant for event in told if isinstance(event, Training)}
    assert trained == {"gru"}
    first = next(
        event.event.step for event in told if isinstance(event, Training) and isinstance(event.event, Step)
    )
    assert 1 < first <= 13
    timeless = [{**each.record(), "seconds": None, "stopped": None} for each in found.outcomes]
    assert timeless == [{**each.record(), "seconds": None, "stopped": None} for each in compared.outcomes]


def test_compare_resumes_what_is_complete_by_doing_nothing(compared: Comparison, text):
    variants = [variant("tanh"), bursting(), variant("gru", "gru")]
    told = []
    found = compare(variants, text, out=compared.path, resume=True, listeners=told.append)
    assert found.outcomes == compared.outcomes
    assert not [event for event in told if isinstance(event, Training)]


@pytest.mark.parametrize(
    ("variants", "text_of", "found"),
    [
        (
            [variant("tanh"), variant("gru", "gru")],
            TEXT,
            "begun with the variants tanh, burst, gru, and tanh, gru are",
        ),
        (
            [variant("tanh", clip=tt.ClipNorm(1.0)), bursting(), variant("gru", "gru")],
            TEXT,
            "begun with clip None",
        ),
        ([variant("tanh"), bursting(), variant("gru", "gru")], TEXT + "the", "is not the text"),
    ],
)
def test_compare_resumes_only_what_was_begun(compared: Comparison, variants, text_of, found):
    with pytest.raises(tt.RunError, match=found):
        compare(variants, text_of, out=compared.path, resume=True)


def test_compare_resumes_only_a_comparison(place, text):
    with pytest.raises(tt.RunError, match=r"holds no compare\.json"):
        compare([variant("a")], text, out=place, resume=True)
    place.mkdir()
    (place / "compare.json").write_text("{")
    with pytest.raises(tt.RunError, match="cannot be read"):
        compare([variant("a")], text, out=place, resume=True)


def test_train_variant_goes_on_from_its_checkpoints(place, text):
    corpus, tokenizer = tt.Corpus("the text", text), tt.Tokenizer.train(text)

    def stop(event) -> None:
        if isinstance(event, Step) and event.step == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_variant(variant("a"), corpus, tokenizer, place / "a", [stop])
    stopped = train_variant(variant("a"), corpus, tokenizer, place / "a")
    whole = train_variant(variant("a"), corpus, tokenizer, place / "b")
    assert stopped.val_loss == whole.val_loss
