import sys

import numpy as np
import pytest

import throughtime as tt

matplotlib = pytest.importorskip("matplotlib")


def make_flow():
    model = tt.SequenceModel(2, 4, 1, "lstm", num_layers=2, seed=0)
    x = np.random.default_rng(0).standard_normal((30, 2, 2), np.float32)
    return tt.gradient_flow(model, x, x[..., :1])


def test_plot_draws_the_relative_curves_on_a_log_scale(tmp_path):
    flow = make_flow()
    figure = flow.plot()
    (ax,) = figure.axes
    curves = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    for layer in (0, 1):
        for state in "hc":
            phi = flow.norms[state][layer]
            np.testing.assert_allclose(curves[f"layer {layer}, {state}"], phi / phi[0])
    assert ax.get_yscale() == "log"
    for band, layer in zip(ax.collections, (1, 0), strict=True):  # of h
        low, high = (flow.percentiles["h"][k, layer] / flow.norms["h"][layer, 0] for k in (0, 2))
        found = band.get_paths()[0].vertices
        for lag in flow.lags:
            edges = found[found[:, 0] == lag, 1]
            np.testing.assert_allclose([edges.min(), edges.max()], [low[lag], high[lag]])
    assert ax.get_title() == f"lstm, 2 layers of 4 units: half-life {flow.half_life:.3g} lags"
    assert ax.get_legend() is not None
    assert f"horizon {flow.horizon()}" in {text.get_text() for text in ax.texts}
    figure.savefig(tmp_path / "flow.png")
    assert (tmp_path / "flow.png").stat().st_size > 10_000


def test_plot_draws_where_it_is_told_and_leaves_pyplot_alone():
    from matplotlib.figure import Figure

    figure = Figure()
    _, ax = figure.subplots(1, 2)
    assert make_flow().plot(ax) is figure
    assert len(ax.get_lines()) == 5
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_plot_of_a_flow_without_a_gradient_is_empty(tmp_path):
    model = tt.SequenceModel(2, 4, 1, "rnn", seed=0)
    model.params["readout.weight"][...] = 0
    x = np.ones((30, 2, 2), np.float32)
    figure = tt.gradient_flow(model, x, x[..., :1]).plot()
    figure.savefig(tmp_path / "flow.png")
    assert figure.axes[0].get_title() == "rnn_tanh, 4 units: no gradient"
    assert not figure.axes[0].texts


def test_plot_without_matplotlib_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(tt.MissingError, match=r"Type: pip install 'throughtime\[plot\]'"):
        make_flow().plot()


def test_plot_of_what_vanishes_at_once_is_no_lower_for_what_it_does_not_show():
    model = tt.SequenceModel(2, 16, 1, "rnn", nonlinearity="sigmoid", seed=0)
    x = np.random.default_rng(0).standard_normal((120, 2, 2), np.float32)
    (ax,) = tt.gradient_flow(model, x, x[..., :1]).plot().axes
    bottom, top = ax.get_ylim()
    assert bottom == 1e-12
    assert 1 < top < 10
