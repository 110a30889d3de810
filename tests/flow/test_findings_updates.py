"""What the norms of the updates' gradients say, beside a healthy network."""

import numpy as np
import pytest
from tests.flow.illnesses import flow_of, gated, names, trained

import throughtime as tt
from throughtime.flow.findings import Evidence, find

SPIKES = np.r_[np.full(300, 0.4), np.full(10, 40.0)]


@pytest.fixture(scope="module")
def flow():
    return flow_of(gated(tt.LSTM))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"grad_norms": SPIKES}, ["gradient-spikes"]),
        ({"grad_norms": SPIKES, "clip": "auto"}, []),
        ({"grad_norms": SPIKES, "clip": "value"}, []),
        ({"grad_norms": SPIKES, "clip": "norm", "theta": 1.0, "clipped_share": 0.03}, []),
        ({"grad_norms": np.r_[np.full(300, 0.4), np.full(10, 1.2)]}, []),  # three times is usual
        ({"grad_norms": SPIKES[-50:]}, []),  # too few to tell
        ({"grad_norms": np.zeros(300)}, []),
        ({"clip": "norm", "theta": 0.05, "clipped_share": 1.0}, ["always-clipped"]),
        ({"clip": "norm", "theta": 0.3, "clipped_share": 0.9}, []),  # within Pascanu's bounds
        ({"clip": "norm", "theta": 0.05, "clipped_share": 0.2}, []),
    ],
)
def test_find_judges_the_updates(flow, known, expected):
    assert names(flow, trained(**known)) == expected


def test_a_clip_is_put_at_twice_the_median_which_spikes_do_not_move(flow):
    (found,) = find(Evidence(flow, trained(grad_norms=SPIKES)))
    assert found.command.endswith("--clip-norm 0.8")
    assert "100 times the median of 0.4" in found.evidence
    (found,) = find(Evidence(flow, trained(clip="norm", theta=0.05, clipped_share=1.0)))
    assert found.command.endswith("--clip-norm 0.8")
    assert "100% of the last 300 updates were clipped at 0.05" in found.evidence
