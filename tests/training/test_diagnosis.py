import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.training.conftest import TEXT, small_model

import throughtime as tt
from throughtime.flow.findings import TrainingFacts
from throughtime.flow.jacobian import find_jacobians
from throughtime.flow.lyapunov import lyapunov_exponents
from throughtime.training.diagnosis import diagnose, training_facts

LONG = TEXT * 8


def train(cell="gru", by="stream", text=LONG, nonlinearity="tanh", hidden_size=12, **how):
    tokenizer = tt.Tokenizer.train(text)
    model = tt.LanguageModel(tokenizer.vocab_size, hidden_size, cell, nonlinearity=nonlinearity, seed=0)
    settings = {"optimizer": tt.Adam(0.005), "batch_size": 4, "max_steps": 60, **how}
    return tt.fit(model, text, tokenizer=tokenizer, by=by, **settings)


def test_diagnose_measures_a_text_that_is_given(trained):
    found = diagnose(trained, TEXT, max_lag=30)
    assert found.text == "the text"
    assert found.flow.lags[-1] == 30
    # As many stretches as there are without overlap, 32 steps of each.
    assert set(found.flow.origins.tolist()) == {(len(TEXT) - 1) // 62 * 32}
    assert found.exponents is not None
    assert len(found.exponents.exponents) == 3
    assert found.exponents.exponents[0] < 0
    assert list(found.chain) == [1, 2, 5, 10, 20, 50, 100]


def test_the_chain_is_the_most_that_is_left_of_a_gradient():
    run = train("rnn", hidden_size=6, max_steps=2)
    weight = run.model.params["rnn.weight_hh_l0"]
    for name, array in run.model.params.items():  # states are 0, so that a step back is W alone
        if name != "readout.weight":
            array[...] = 0
    weight[...] = 0.5 * np.linalg.qr(np.random.default_rng(0).standard_normal(weight.shape))[0]
    chain = diagnose(run, LONG).chain
    assert chain == pytest.approx({lag: -lag * np.log(2) for lag in (1, 2, 5, 10, 20, 50, 100)}, rel=1e-6)


def stretches_of(run, steps, most):
    """Inputs (steps, most) of the whole text, evenly spaced."""
    ids = np.asarray(run.tokenizer.encode(TEXT))
    begins = [(len(ids) - 1 - steps) * n // (most - 1) for n in range(most)]
    return np.stack([ids[begin : begin + steps] for begin in begins], axis=1)


def test_the_chain_is_a_mean_over_sequences_of_logarithms(trained):
    chain = diagnose(trained, TEXT, max_lag=30).chain
    inputs = stretches_of(trained, 200, 4)
    jacobians = list(find_jacobians(trained.model, inputs))
    for lag in (1, 2, 5, 10):
        largest = np.array(
            [
                np.linalg.norm(
                    np.linalg.multi_dot([np.eye(12), *[J[b] for J in jacobians[: -lag - 1 : -1]]]), 2
                )
                for b in range(4)
            ]
        )
        assert chain[lag] == pytest.approx(np.log(largest).mean(), rel=1e-9)
        assert abs(np.log(largest.mean()) - np.log(largest).mean()) > 1e-4  # sequences differ


def test_the_exponents_leave_out_a_fifth_of_the_steps_at_the_start(trained):
    found = diagnose(trained, TEXT, max_lag=30).exponents
    inputs = stretches_of(trained, 200, 4)
    assert found.steps == 160
    settled, whole = (lyapunov_exponents(trained.model, inputs, 3, burn_in) for burn_in in (40, 0))
    np.testing.assert_allclose(found.exponents, settled.exponents, rtol=1e-12)
    np.testing.assert_allclose(found.errors, settled.errors, rtol=1e-12)
    assert np.abs(whole.exponents - settled.exponents).max() > 1e-4


def test_diagnose_is_the_flow_of_these_stretches(trained):
    ids = np.asarray(trained.tokenizer.encode(TEXT))
    steps = len(ids) - 1
    found = diagnose(trained, TEXT, max_lag=steps - 32)
    expected = tt.gradient_flow(trained.model, ids[:-1, None], ids[1:, None], steps - 32, 32)
    assert np.allclose(found.flow.norms["h"], expected.norms["h"], rtol=1e-6)


def test_diagnose_reads_the_run_s_own_text(tmp_path):
    from throughtime.data.corpus import read

    file = tmp_path / "text.txt"
    file.write_text(LONG)
    corpus = read([str(file)])
    tokenizer = tt.Tokenizer.train(corpus)
    out = tmp_path / "run"
    tt.fit(
        small_model(tokenizer),
        corpus,
        tokenizer=tokenizer,
        batch_size=4,
        max_steps=3,
        val_fraction=0.2,
        out=out,
    )
    run = tt.load(out)
    held_out = diagnose(run, max_lag=20)
    assert held_out.text == "the held-out part of text.txt"
    again = diagnose(run, LONG[-run.config["corpus"]["val_predictions"] - 1 :], max_lag=20)
    assert held_out.flow.norms["h"].tolist() == again.flow.norms["h"].tolist()
    # What is held out is too short for so many lags.
    assert diagnose(run, max_lag=1900).text == "the training part of text.txt"
    # Its tokens are in the cache; a file that has changed is another text.
    file.write_text(LONG + "more")
    assert diagnose(run, max_lag=20).text == held_out.text
    config = json.loads((out / "config.json").read_text())
    config["corpus"]["tokens_key"] = None
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(tt.RunError, match=r"has changed since .* was trained on it; expected the same text"):
        diagnose(tt.load(out), max_lag=20)


def test_diagnose_asks_for_a_text_that_cannot_be_read_again(copied):
    with pytest.raises(
        tt.RunError, match=r"cannot be read again; expected a text to measure on\. Name one after"
    ):
        diagnose(tt.load(copied))


@pytest.mark.parametrize("ids", [np.array([1]), np.array([1, 2])])
def test_diagnose_refuses_a_text_without_a_lag(trained, ids):
    with pytest.raises(tt.TextError, match="expected at least 3, for a lag of 1"):
        diagnose(trained, ids)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("runs/mine", r"a str found; expected a run. Pass tt.load\('runs/mine'\)."),
        (Path("runs/mine"), r"Path found; expected a run. Pass tt.load\('runs/mine'\)."),
        (3, r"a int found; expected a run. Load one with tt.load\(RUN\)."),
    ],
)
def test_diagnose_refuses_what_is_no_run(run, message):
    with pytest.raises(tt.ArgumentError, match=message):
        tt.diagnose(run, "to be or not to be")


def test_diagnose_of_a_broken_model_says_so(copied):
    run = tt.load(copied)
    run.model.params["readout.weight"][...] = np.nan
    with pytest.raises(
        tt.DivergedError, match="the model's gradient on the text is not finite; expected numbers"
    ):
        diagnose(run, TEXT)


def test_diagnose_goes_back_as_far_as_a_short_text_lets_it(trained):
    assert diagnose(trained, TEXT[:41]).flow.lags[-1] == 20
    assert diagnose(trained, TEXT[:41], origins=1).flow.lags[-1] == 39


def test_diagnose_measures_sentences_from_their_starts():
    run = train(by="sentence", text=LONG, max_steps=5)
    found = diagnose(run, LONG)
    assert found.exponents is None
    longest = max(map(len, LONG.split("\n")))
    assert 10 < found.flow.lags[-1] <= longest + 1
    assert found.training.seq_len is None
    assert found.training.longest is None


def test_training_facts_are_the_run_s(trained):
    facts = training_facts(trained)
    steps = [record for record in trained.history if "grad_norm" in record]
    assert facts.truncation == "chunk:20"
    assert (facts.seq_len, facts.steps) == (20, len(steps))
    assert (facts.lr, facts.optimizer, facts.clip, facts.theta) == (0.02, "adam", "norm", 1.0)
    assert facts.grad_norms.tolist() == [record["grad_norm"] for record in steps]
    assert facts.clipped_share == sum(record["clipped"] for record in steps) / len(steps)
    assert (facts.options, facts.options_file) == ({}, None)


def test_training_facts_are_the_same_from_disk(trained):
    def told(run):
        return {**vars(training_facts(run)), "grad_norms": training_facts(run).grad_norms.tolist()}

    assert told(tt.load(trained.path)) == told(trained)


def test_training_facts_leave_out_norms_that_were_not_finite(trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained.path, copy)
    lines = (copy / "metrics.jsonl").read_text().splitlines()
    lines[3:3] = [json.dumps({**json.loads(lines[0]), "grad_norm": None})]
    (copy / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert len(training_facts(tt.load(copy)).grad_norms) == len(training_facts(trained).grad_norms)


def test_training_facts_do_without_damaged_options(copied):
    (copied / "options.toml").write_text("files = [")
    assert training_facts(tt.load(copied)).options == {}
    (copied / "options.toml").write_text('cell = "gru"\n')
    facts = training_facts(tt.load(copied))
    assert facts.options == {"cell": "gru"}
    assert facts.options_file == str(copied / "options.toml")


def test_training_facts_know_what_auto_has_chosen():
    run = train(truncation=tt.Auto(0.1), seq_len=10, flow_every=20, max_steps=41)
    facts = training_facts(run)
    assert facts.truncation == "auto:0.1"
    assert facts.reach == run.flow_history[-1]["truncation"]["K"]
    assert facts.longest == facts.reach + 9


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_healthy_training_has_no_findings(cell):
    run = train(cell, hidden_size=32, truncation=tt.Chunk(50), max_steps=200)
    assert diagnose(run, LONG).findings == []


def test_a_training_s_illnesses_are_found():
    run = train("rnn", truncation=tt.Chunk(40), clip=tt.ClipNorm(0.001), max_steps=120, optimizer=tt.SGD(0.1))
    assert [found.name for found in diagnose(run, LONG).findings] == ["vanishing", "always-clipped"]


def test_training_facts_have_fields_of_their_own():
    assert {each.name for each in dataclasses.fields(TrainingFacts)} >= {
        "truncation",
        "reach",
        "clip",
        "options",
    }
