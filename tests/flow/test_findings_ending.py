"""What is said of a run that diverged: first of all that it did, and never again at its learning rate."""

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, names, orthogonal, plain, trained

import throughtime as tt
from throughtime.flow.findings import Evidence, find

WHY = "training diverged at step 7: the loss is nan; expected a finite one (learning rate 0.002). Lower it."


@pytest.mark.parametrize(
    ("layer", "others"), [(gated(tt.LSTM), []), (plain("tanh", orthogonal(0.3)), ["vanishing"])]
)
def test_divergence_is_all_that_is_told(layer, others):
    flow = flow_of(layer)
    assert names(flow, trained(diverged=WHY)) == ["diverged"]
    assert names(flow, trained()) == others


def test_divergence_is_told_with_the_weights_that_were_measured():
    flow = flow_of(gated(tt.GRU))
    (found,) = find(Evidence(flow, trained(diverged=WHY, kept_step=1200)))
    assert found.evidence == (
        "Training diverged at step 7: the loss is nan. The weights that were measured are those of step 1,200."
    )
    (found,) = find(Evidence(flow, trained(diverged=WHY)))
    assert "measured are not those of its end" in found.evidence


@pytest.mark.parametrize(
    ("known", "ending"),
    [
        ({"grad_norms": np.full(9, 3e9)}, "--lr 0.0005 --clip-norm 1"),
        ({"lr": 10.0, "clip": "norm"}, "--lr 0.002"),
        ({"grad_norms": np.zeros(0)}, "--lr 0.0005 --clip-norm 1"),
        ({"clip": "norm", "theta": 1.0}, "--lr 0.0005"),
    ],
)
def test_what_diverged_is_tried_again_more_slowly_and_clipped(known, ending):
    training = trained(
        diverged=WHY, options={"files": ["a.txt"], "lr": 0.002}, options_file="o.toml", **known
    )
    (found,) = find(Evidence(flow_of(gated(tt.GRU)), training))
    assert found.command.endswith(f" {ending}")


def test_a_state_that_adds_up_over_a_stream_gets_another_cell():
    flow = flow_of(plain("relu", np.eye(16), 0.5))
    training = trained(diverged=WHY, init="weight_hh=identity")
    assert find(Evidence(flow, training))[0].command.endswith(
        "--cell lstm --hidden-size 16 --num-layers 1 --init bias_f=1 --lr 0.002"
    )
    whole = trained("full", diverged=WHY, init="weight_hh=identity")  # by sentence
    assert find(Evidence(flow, whole))[0].command.endswith("--lr 0.0005 --clip-norm 1")


def test_what_updates_were_like_is_no_news_where_they_diverged():
    spikes = np.r_[np.full(300, 0.4), np.full(10, 40.0)]
    flow = flow_of(gated(tt.LSTM))
    assert names(flow, trained(grad_norms=spikes)) == ["gradient-spikes"]
    assert names(flow, trained(grad_norms=spikes, diverged=WHY)) == ["diverged"]
    clipped = {"clip": "norm", "theta": 0.05, "clipped_share": 1.0}
    assert names(flow, trained(diverged=WHY, **clipped)) == ["diverged"]
    assert names(flow, trained("chunk:100", diverged=WHY)) == ["diverged"]


def test_of_a_truncation_of_somebody_s_own_nothing_is_said():
    flow = flow_of(gated(tt.LSTM))
    training = trained(truncation="Mine()")
    assert training.parsed is None
    assert training.longest is None
    assert training.reached(np.arange(3)).tolist() == [1, 1, 1]
    assert names(flow, training) == []
    assert names(flow_of(plain("tanh", orthogonal(0.3))), training) == ["vanishing"]
