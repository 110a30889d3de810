"""Gated networks whose losses come more seldom than their gradients reach."""

import numpy as np
import pytest
from tests.flow.illnesses import B, H, T, gated, trained

import throughtime as tt
from throughtime.flow.findings import Evidence, find
from throughtime.flow.origins import steps_to_loss

GATES = {tt.LSTM: ("f", "forget"), tt.GRU: ("z", "update")}


def flow_of(layer, every=T, **how):
    """With a loss at the last step, and each `every` steps before it."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(T, B, 3)), rng.normal(size=(T, B, H))
    dy[(np.arange(T) + 1) % every != 0] = 0
    return tt.gradient_flow(layer, x, dy, **how)


@pytest.mark.parametrize("kind", GATES)
def test_a_fresh_network_with_a_loss_at_the_end_forgets_and_its_remedy_remembers(kind):
    gate, subject = GATES[kind]
    (found,) = flow_of(gated(kind)).findings
    assert (found.name, found.severity) == ("forgetting", "caution")
    assert "next loss 60 steps ahead or more" in found.evidence
    assert f"a bias of 4 for {gate}, the {subject} gate" in found.remedy
    assert found.command.endswith(f"init='bias_{gate}=4')")
    mended = flow_of(gated(kind, gate, 4.0))
    assert mended.findings == []
    assert mended.horizon() >= 90


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(("every", "expected"), [(1, []), (10, []), (40, ["forgetting"])])
def test_forgetting_begins_where_most_steps_are_out_of_reach(kind, every, expected):
    flow = flow_of(gated(kind), every)
    assert (flow.steps_to_loss > flow.horizon()) is bool(expected)
    for training in (None, trained(steps=0)):
        assert [each.name for each in find(Evidence(flow, training))] == expected


def test_losses_that_are_no_origins_count():
    assert flow_of(gated(tt.GRU), 1, origins=np.array([T - 1])).findings == []


def test_what_c_holds_is_not_forgotten():
    """Seen in a curve that is long in c alone."""
    flow = flow_of(gated(tt.LSTM))
    flow.norms["c"] = np.ones_like(flow.norms["c"])
    assert flow.findings == []


def test_a_shut_gate_is_told_alone():
    assert [each.name for each in flow_of(gated(tt.LSTM, "f", -4.0)).findings] == ["shut-forget-gate"]


def test_steps_to_loss_of_a_model_are_those_of_its_targets():
    x = np.zeros((9, 2, 1), np.float32)
    last = tt.SequenceModel(1, 4, 1, cell="gru", at="last", seed=0)
    assert tt.gradient_flow(last, x, np.ones((2, 1), np.float32)).steps_to_loss == 4
    each = tt.SequenceModel(1, 4, 1, cell="gru", seed=0)
    assert tt.gradient_flow(each, x, np.ones_like(x)).steps_to_loss == 0


def test_steps_that_no_loss_follows_do_not_count():
    losses_at = np.zeros((10, 2), np.bool_)
    losses_at[2, 0] = True
    assert steps_to_loss(losses_at) == 1  # of 2, 1 and 0
