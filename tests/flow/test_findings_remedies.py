"""What findings say and advise: never what a run has already."""

import functools
import json
import math

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, linear, orthogonal, plain, trained

import throughtime as tt
from throughtime.flow.findings import Evidence, Finding, find

FADING = plain("tanh", orthogonal(0.3))
OPTIONS = {
    "files": ["/a b.txt"],
    "cell": "rnn",
    "nonlinearity": "tanh",
    "lr": 0.002,
    "seq-len": 50,
    "tied": False,
}


@functools.cache
def fading():
    """Its flow, measured when it is first wanted: with the compiler off that takes minutes."""
    return flow_of(FADING)


def only(flow, training=None) -> Finding:
    (found,) = find(Evidence(flow, training))
    return found


def test_a_finding_s_record_is_fit_for_json_and_its_text_ends_in_the_command():
    found = only(fading())
    assert json.loads(json.dumps(found.record())) == found.record()
    assert list(found.record()) == ["name", "severity", "evidence", "meaning", "remedy", "command"]
    assert str(found).splitlines()[0] == "problem: vanishing"
    assert str(found).splitlines()[-1] == f">>> {found.command}"
    found = only(fading(), trained())
    assert str(found).splitlines()[-1] == f"$ {found.command}"


def test_vanishing_has_its_numbers_and_pascanu_s_condition():
    found = only(fading(), trained())
    horizon = fading().horizon()
    assert f"99% of it lies within {horizon} lags" in found.evidence
    assert f"halves every {fading().half_life:.2g} lags" in found.evidence
    assert "gamma*||W||_2 is 0.3, below 1, which is sufficient for vanishing" in found.evidence
    assert f"Of the 49 lags that training reaches over the network learns from {horizon}:" in found.meaning


def test_vanishing_of_usual_weights_does_not_claim_the_sufficient_condition():
    found = only(flow_of(plain("tanh")))
    assert "sufficient" not in found.evidence
    assert "the recurrent weights are small (spectral radius" in found.evidence


def test_vanishing_tells_how_saturated_units_are():
    flow = flow_of(plain("tanh", orthogonal(), 1.6))
    assert "the recurrent weights started orthogonal: units are saturated" in only(
        flow, trained(init="weight_hh=orthogonal")
    ).evidence  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "known", "ending"),
    [
        (FADING, {}, "--init weight_hh=orthogonal"),
        (FADING, {"init": "article,bias=0"}, "--init article,bias=0,weight_hh=orthogonal"),
        (FADING, {"init": "weight_hh=normal:0.01"}, "--init weight_hh=orthogonal"),
        (
            FADING,
            {"init": "weight_hh=orthogonal"},
            "--cell lstm --hidden-size 16 --num-layers 1 --init bias_f=1",
        ),
        (
            plain("sigmoid"),
            {},
            "--nonlinearity tanh --hidden-size 16 --num-layers 1 --init weight_hh=orthogonal",
        ),
        (plain("relu"), {}, "--cell lstm --hidden-size 16 --num-layers 1 --init bias_f=1"),
        (
            plain("relu"),
            {"truncation": "full"},
            "--by sentence --init weight_hh=identity,bias=0 --clip-norm 1 --lr 0.0002",
        ),
        (
            plain("relu"),
            {"truncation": "full", "clip": "auto"},
            "--by sentence --init weight_hh=identity,bias=0 --lr 0.0002",
        ),
        (gated(tt.LSTM, "f", -4.0), {}, "--init bias_f=1"),
        (
            gated(tt.GRU, "z", -5.0),
            {"init": "weight_hh=orthogonal"},
            "--init weight_hh=orthogonal,bias_z=1",
        ),
        (linear(orthogonal(1.5)), {}, None),
        (plain("relu", 1.5 * np.eye(16), 1.0), {"grad_norms": np.full(9, 3.0)}, "--clip-norm 6"),
        (plain("relu", 1.5 * np.eye(16), 1.0), {"clip": "norm"}, "--init weight_hh=orthogonal"),
        (
            plain("relu", 1.5 * np.eye(16), 1.0),
            {"clip": "norm", "init": "weight_hh=orthogonal"},
            "--lr 0.001",
        ),
        (plain("tanh", orthogonal(), 4.0), {"init": "bias=4"}, "--init default"),
        (plain("tanh", orthogonal(), 4.0), {}, "--lr 0.0005"),
        (plain("relu", orthogonal(), -50.0), {}, "--lr 0.0005 --clip-norm 1"),
        (plain("relu", orthogonal(), -50.0), {"clip": "norm"}, "--lr 0.0005"),
        (linear(orthogonal(0.97)), {"truncation": "chunk:5", "seq_len": 5}, None),
        (gated(tt.LSTM), {"truncation": "chunk:20,100", "seq_len": 20}, "--truncation chunk:20,30"),
        (gated(tt.LSTM), {"truncation": "window:60"}, "--truncation window:10"),
    ],
)
def test_a_command_changes_what_the_run_does_not_have_yet(layer, known, ending):
    found = only(flow_of(layer), trained(**{"truncation": "chunk:50", **known}))
    assert found.command is None if ending is None else found.command.endswith(f" {ending}")


@pytest.mark.parametrize(
    ("bias", "truncation", "reaches"),
    [(3.0, "chunk:5", 45), (3.0, "chunk:10,12", 45), (3.0, "window:4", 45)],
)
def test_a_longer_truncation_covers_what_was_lost_at_a_bounded_price(bias, truncation, reaches):
    flow = flow_of(gated(tt.LSTM, "f", bias), max_lag=100)
    found = only(flow, trained(truncation))
    spec = found.command.rpartition("--truncation ")[2]
    longer = trained(spec)
    assert Evidence(flow, longer).lost < 0.05
    if spec.startswith("chunk"):
        assert longer.parsed.k2 <= 3 * longer.parsed.k1
    assert tt.Window(0) != longer.parsed
    assert longer.longest >= min(reaches, flow.horizon(0.05))


def test_a_shorter_truncation_loses_next_to_nothing():
    flow = flow_of(gated(tt.LSTM))
    for truncation in ("chunk:100", "chunk:20,100", "window:60"):
        found = only(flow, trained(truncation))
        spec = found.command.rpartition("--truncation ")[2]
        assert Evidence(flow, trained(spec)).lost <= 0.1
        assert trained(spec).longest < trained(truncation).longest


def test_a_command_repeats_the_run_by_its_file():
    training = trained(options=OPTIONS, options_file="runs/a b/options.toml")
    assert only(fading(), training).command == (
        "throughtime train --config 'runs/a b/options.toml' --init weight_hh=orthogonal"
    )


def test_a_command_spells_a_run_out_where_an_option_must_go():
    training = trained(options=OPTIONS, options_file="runs/a/options.toml", init="weight_hh=orthogonal")
    assert only(fading(), training).command == (
        "throughtime train '/a b.txt' --cell lstm --lr 0.002 --seq-len 50 --init bias_f=1"
    )


def test_a_command_reads_standard_input_again():
    training = trained(options={**OPTIONS, "files": ["-"]}, options_file="o.toml")
    assert (
        only(fading(), training).command == "throughtime train - --config o.toml --init weight_hh=orthogonal"
    )


def test_without_a_run_a_command_describes_the_network():
    found = only(fading())
    assert found.command == (
        "tt.SequenceModel(..., cell='rnn', hidden_size=16, num_layers=1, init='weight_hh=orthogonal')"
    )
    assert str(found).endswith(f"\n>>> {found.command}")
    assert "Of the 50 lags that the usual truncation reaches over the network learns from" in found.meaning
    assert only(flow_of(plain("relu"))).command.endswith("init='weight_hh=identity,bias=0')")
    exploding = only(flow_of(plain("tanh", orthogonal(3.0), 0.0)))
    assert (exploding.name, exploding.command) == ("exploding", "tt.ClipNorm(1.0)")


def test_of_a_run_of_python_s_a_command_describes_the_network():
    assert only(fading(), trained()).command == (
        "throughtime train FILE --cell rnn --hidden-size 16 --num-layers 1 --init weight_hh=orthogonal"
    )


def test_reached_weighs_lags_as_the_truncation_does():
    lags = np.arange(8)
    assert trained("chunk:4").reached(lags).tolist() == [1, 0.75, 0.5, 0.25, 0, 0, 0, 0]
    assert trained("chunk:2,4").reached(lags).tolist() == [1, 1, 1, 0.5, 0, 0, 0, 0]
    assert trained("window:2").reached(lags).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert trained("window:2", seq_len=4).reached(lags).tolist() == [1, 0.75, 0.5, 0, 0, 0, 0, 0]
    assert trained("full").reached(lags).tolist() == [1] * 8
    assert trained("auto:0.1", seq_len=2, reach=2).reached(lags).tolist() == [1, 1, 1, 0.5, 0, 0, 0, 0]
    longest = [trained(spec).longest for spec in ("chunk:4", "chunk:2,4", "window:2", "full")]
    assert longest == [3, 3, 2, None]


def test_lost_is_the_share_that_the_truncation_leaves_out():
    a, k = 0.9, 10
    flow = flow_of(linear(orthogonal(a)), max_lag=60, origins=10)
    lags = np.arange(61)
    expected = 1 - (a**lags * np.clip((k - lags) / k, 0, 1)).sum() / (a**lags).sum()
    assert math.isclose(Evidence(flow, trained(f"chunk:{k}")).lost, expected, rel_tol=1e-9)


@pytest.mark.parametrize(("scale", "cell"), [(1.0, "lstm"), (1.05, "lstm"), (0.8, "rnn")])
def test_a_start_is_not_told_to_whoever_has_such_weights(scale, cell):
    found = only(flow_of(plain("tanh", orthogonal(scale), 1.6)), trained())
    assert f"--cell {cell} " in found.command
    assert ("are orthogonal" in found.evidence) is (cell == "lstm")


def test_relus_that_are_the_identity_get_a_gate():
    found = only(flow_of(plain("relu", np.eye(16), -0.2)))
    assert "the recurrent weights are the identity" in found.evidence
    assert found.command.startswith("tt.SequenceModel(..., cell='lstm'")
