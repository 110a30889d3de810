"""A flow in words: the numbers are the flow's, whichever they are."""

import math
from types import SimpleNamespace

import numpy as np
from tests.flow.illnesses import flow_of, gated, orthogonal, plain
from tests.flow.illnesses import trained as facts

import throughtime as tt
from throughtime.cli.flow_text import describe
from throughtime.flow.findings.numbers import percent
from throughtime.training.diagnosis import Diagnosis


def lines_of(flow, truncation="chunk:20", chain=None):
    """What is told of a flow, by its label; lines that are wrapped are one."""
    found = Diagnosis(flow, facts(truncation), "a text", None, chain or {})
    told, label = {}, ""
    for line in describe(found, SimpleNamespace(path="run")):
        if line.startswith(" " * 12):
            told[label] += f" {line.strip()}"
        else:
            label = line[:12].strip()
            told[label] = line[12:]
    return found, told


def test_flow_tells_what_the_truncation_leaves_out_and_what_lies_beyond_it():
    found, told = lines_of(flow_of(gated(tt.LSTM, "f", 3.0)))
    lost, beyond = percent(found.evidence.lost), percent(found.flow.mass_beyond(19))
    assert lost != beyond
    assert told["truncation"] == f"chunk:20 leaves out {lost}, {beyond} beyond its last lag, 19"
    assert told["half-life"] == (
        f"{found.flow.half_life:.3g} lags; of c, {found.flow.curve('c').half_life:.3g} lags"
    )


def test_flow_tells_each_gate_s_two_ends():
    found, told = lines_of(flow_of(gated(tt.LSTM, "f", 4.0)))
    gate = found.flow.saturation[0].gates["f"].record()
    assert gate["left"] < 0.1 < gate["right"]
    assert f"f shut {percent(gate['left'])}, open {percent(gate['right'])}; g saturated" in told["units"]


def test_flow_tells_dead_units_and_bars_that_leave_the_chart():
    layer = plain("relu", orthogonal())
    layer.params["bias_ih_l0"][:4] = -50.0
    found, told = lines_of(flow_of(layer, steps=20))
    dead = found.flow.saturation[0].gates["h"].record()["dead"]
    assert dead >= 0.25
    assert told["units"] == f"h dead in {percent(dead)} of the units"
    grown = [
        line
        for line in describe(
            Diagnosis(flow_of(plain("relu", 1.5 * np.eye(16), 1.0)), facts(), "a text", None, {}),
            SimpleNamespace(path="run"),
        )
        if line.endswith(">")
    ]
    assert grown[0].endswith(f" {'#' * 48}>")
    assert grown[-1].split()[0] == "100"


def test_flow_tells_from_which_lag_on_entries_are_lost():
    flow = flow_of(plain("tanh", orthogonal(0.3)), scale=1e-290)
    first = int(np.flatnonzero(flow.underflow[-1] > 0)[0])
    assert 0 < first < 100
    told = lines_of(flow)[1]["underflow"]
    assert told.startswith(f"from lag {first} on entries are too small for float64, at the last lag ")
    assert told.endswith(f" {percent(float(flow.underflow[-1, -1]))} of them")


def test_flow_tells_factors_of_any_size():
    chain = {1: math.log(0.25), 2: -1000.0, 5: 1000.0, 10: -math.inf}
    told = lines_of(flow_of(plain("tanh")), chain=chain)[1]["Jacobians"]
    assert told.startswith("the most that 1, 2, 5, 10 steps of the top layer leave of any gradient")
    assert told.endswith(": 0.25, 1e-434, 1e+434, 0")


def test_flow_of_one_loss_is_told_in_the_singular():
    model = tt.SequenceModel(1, 4, 1, "gru", seed=0)
    x = np.random.default_rng(0).standard_normal((9, 1, 1), np.float32)
    found = Diagnosis(tt.gradient_flow(model, x, x, max_lag=4, origins=1), facts(), "a text", None, {})
    lines = list(describe(found, SimpleNamespace(path="run")))
    assert lines[1] == "Measured on a text: the loss of 1 step followed back by itself."
