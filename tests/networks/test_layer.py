"""What a layer promises: steps, lengths, resets, truncations, seeds, and one-line errors."""

import copy
import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest
from tests.cells.samples import linear, rich

import throughtime as tt
from throughtime.cells import gru, lstm, rnn_relu, rnn_sigmoid, rnn_tanh
from throughtime.machine import denormals
from throughtime.machine.jit import COMPILING, cache_counts
from throughtime.networks import ways_back
from throughtime.sweeps.reverse import reverse
from throughtime.sweeps.slots import for_cell

T, B, I, H = 6, 3, 2, 4
CELLS = [rnn_tanh, rnn_relu, rnn_sigmoid, lstm, gru, rich]
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
every_truncation = pytest.mark.parametrize(
    "truncation", [tt.Full(), tt.Window(2), tt.Chunk(2), tt.Chunk(2, 3)], ids=str
)


def draw(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def make(cell=gru, num_layers=2, **settings):
    return tt.Recurrent(cell, I, H, num_layers, **{"dtype": "float64", "seed": 0} | settings)


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def all_gradients(layer, trace, dy, dstate=None, truncation=None):
    dx, grads, dinitial = layer.backward(trace, dy, dstate, truncation)
    return {"x": dx, **grads} | {f"state_{s}": part for s, part in enumerate(parts(dinitial))}


def assert_same(found, expected, rtol=1e-12):
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=rtol * max(1, np.abs(array).max()))


# ------------------------------------------------------------------ forward


@every_cell
def test_steps_one_by_one_equal_the_whole(cell):
    layer, x = make(cell), draw(T, B, I)
    y, last, _ = layer.forward(x)
    state = None
    for t in range(T):
        y_t, state = layer.step(x[t], state)
        np.testing.assert_allclose(y_t, y[t], atol=1e-15)
    for part, expected in zip(parts(state), parts(last), strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-15)


@every_cell
def test_sequence_in_two_calls_equals_one_call(cell):
    layer, x = make(cell), draw(T, B, I)
    whole, last, _ = layer.forward(x)
    first, state, _ = layer.forward(x[:4])
    second, state, _ = layer.forward(x[4:], state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-15)
    np.testing.assert_allclose(parts(state)[-1], parts(last)[-1], atol=1e-15)


def test_outputs_beyond_the_end_are_zero_and_the_last_state_is_that_of_the_last_step():
    layer, x, lengths = make(lstm), draw(T, B, I), np.array([6, 2, 1])
    y, last, _ = layer.forward(x, lengths=lengths)
    for b, n in enumerate(lengths):
        alone, alone_last, _ = layer.forward(x[:n, b : b + 1])
        np.testing.assert_allclose(y[:n, b], alone[:, 0], atol=1e-15)
        assert (y[n:, b] == 0).all()
        for part, expected in zip(last, alone_last, strict=True):
            np.testing.assert_allclose(part[:, b], expected[:, 0], atol=1e-15)


@every_truncation
@every_cell
def test_nan_in_padding_reaches_nothing(cell, truncation):
    layer, lengths = make(cell), np.array([6, 2, 1])
    x, dy = draw(T, B, I), draw(T, B, H, seed=1)
    expected_y, _, trace = layer.forward(x, lengths=lengths)
    expected = all_gradients(layer, trace, dy, truncation=truncation)
    for b, n in enumerate(lengths):
        x[n:, b] = dy[n:, b] = np.nan
    y, _, trace = layer.forward(x, lengths=lengths)
    np.testing.assert_array_equal(y, expected_y)
    assert_same(all_gradients(layer, trace, dy, truncation=truncation), expected, 0)


def test_nan_in_a_sequence_stays_in_that_sequence():
    layer, x = make(lstm), draw(T, B, I)
    x[3, 1] = np.nan
    y, _, _ = layer.forward(x)
    assert np.isnan(y[3:, 1]).all()
    assert np.isfinite(y[:3]).all()
    assert np.isfinite(y[:, [0, 2]]).all()


@every_cell
def test_reset_starts_the_sequence_anew(cell):
    layer, x = make(cell), draw(T, B, I)
    reset = np.zeros((T, B), bool)
    reset[2, 1] = True
    state = tuple(draw(2, B, H, seed=s) for s in range(len(cell.states)))
    y, _, trace = layer.forward(x, state, reset)
    fresh, _, _ = layer.forward(x[2:, 1:2])
    np.testing.assert_allclose(y[2:, 1:2], fresh, atol=1e-15)
    late = np.zeros((T, B, H))
    late[2:, 1] = 1
    gradients = all_gradients(layer, trace, late)
    assert (gradients["x"][:2] == 0).all()
    assert (gradients["state_0"] == 0).all()


def test_ids_stand_for_one_hot_vectors():
    layer = tt.GRU(5, H, dtype="float64", seed=0)
    ids, dy = np.array([[0, 4], [3, 3], [4, 4]]), draw(3, 2, H)
    y, _, trace = layer.forward(ids)
    expected_y, _, expected_trace = layer.forward(np.eye(5)[ids])
    np.testing.assert_allclose(y, expected_y, atol=1e-15)
    found, expected = (all_gradients(layer, t, dy) for t in (trace, expected_trace))
    assert found.pop("x") is None
    del expected["x"]
    assert_same(found, expected)
    np.testing.assert_allclose(layer.step(ids[0])[0], y[0], atol=1e-15)


def test_input_weights_may_be_in_fortran_order_and_their_gradient_then_is():
    layer, ids = tt.LSTM(5, H, dtype="float64", seed=0), np.array([[0, 4], [3, 3]])
    other = tt.LSTM(5, H, dtype="float64", seed=0)
    other.params["weight_ih_l0"] = np.asfortranarray(other.params["weight_ih_l0"])
    for x in (ids, draw(2, 2, 5)):
        results = []
        for each in (layer, other):
            y, _, trace = each.forward(x)
            results.append(each.backward(trace, y)[1])
        assert results[1]["weight_ih_l0"].flags.f_contiguous
        assert_same(results[1], results[0])


# ------------------------------------------------------------------ backward


def slope_along(layer, array, direction, loss):
    """Derivative of `loss` along a direction of one array, by central differences."""
    step, kept = 1e-5, array.copy()
    values = []
    for sign in (1, -1):
        array[...] = kept + sign * step * direction
        values.append(loss())
    array[...] = kept
    return (values[0] - values[1]) / (2 * step)


@every_cell
def test_gradients_are_the_derivatives_of_the_forward_pass(cell):
    layer, x = make(cell), draw(T, B, I)
    state = tuple(draw(2, B, H, seed=s) for s in range(len(cell.states)))
    dy, dlast = draw(T, B, H, seed=7), tuple(draw(2, B, H, seed=8 + s) for s in range(len(cell.states)))
    reset, lengths = np.zeros((T, B), bool), np.array([6, 3, 5])
    reset[2, 0] = reset[1, 2] = True

    def loss():
        y, last, _ = layer.forward(x, state, reset, lengths)
        return (y * dy).sum() + sum((a * b).sum() for a, b in zip(parts(last), dlast, strict=True))

    _, _, trace = layer.forward(x, state, reset, lengths)
    gradients = all_gradients(layer, trace, dy, dlast)
    arrays = {"x": x, **layer.params} | {f"state_{s}": part for s, part in enumerate(state)}
    for name, array in arrays.items():
        direction = draw(*array.shape, seed=3)
        expected = slope_along(layer, array, direction, loss)
        found = (gradients[name] * direction).sum()
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-7), name


@every_truncation
def test_trace_can_be_gone_back_over_again(truncation):
    layer = make(rich)
    y, _, trace = layer.forward(draw(T, B, I), lengths=np.array([6, 2, 4]))
    dy = draw(T, B, H, seed=1)
    first = all_gradients(layer, trace, dy, truncation=truncation)
    kept = copy.deepcopy(first)
    assert_same(all_gradients(layer, trace, dy, truncation=truncation), kept, 0)
    assert_same(first, kept, 0)


@every_truncation
def test_gradients_of_nothing_are_zero(truncation):
    layer = make(lstm)
    _, _, trace = layer.forward(draw(T, B, I))
    for gradient in all_gradients(layer, trace, None, truncation=truncation).values():
        assert (gradient == 0).all()


def integrator():
    """One linear unit h_t = a h_{t-1} + x_t: dE_t/dx_{t-l} is a^l dE_t/dh_t."""
    layer = tt.Recurrent(linear, 1, 1, bias=False, dtype="float64")
    layer.params["weight_ih_l0"][...], layer.params["weight_hh_l0"][...] = 1, 0.9
    return layer


def weights_over_lags(truncation, T):
    """(T, T): share of the gradient of step t at lag l that a truncation lets through."""
    layer, shares = integrator(), np.zeros((T, T))
    _, _, trace = layer.forward(draw(T, 1, 1))
    for t in range(T):
        dy = np.zeros((T, 1, 1))
        dy[t] = 1
        dx, _, _ = layer.backward(trace, dy, truncation=truncation)
        for lag in range(t + 1):
            shares[t, lag] = dx[t - lag, 0, 0] / 0.9**lag
    return shares


@pytest.mark.parametrize("k", [0, 1, 3, 100])
def test_window_weighs_lags_up_to_k_by_one_and_none_beyond(k):
    shares = weights_over_lags(tt.Window(k), 8)
    for t in range(8):
        np.testing.assert_allclose(shares[t, : t + 1], np.arange(t + 1) <= k, atol=1e-12)


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (2, 2), (4, 4), (1, 3), (2, 3), (3, 6), (4, 5), (4, 9)])
def test_chunk_averaged_over_offsets_weighs_lag_l_by_what_is_left_of_it(k1, k2):
    T = 5 * k1 if k2 < 2 * k1 else 6 * k1  # the last chunk looks back to no edge of the call
    shares = weights_over_lags(tt.Chunk(k1, k2), T)
    lags = np.arange(k2 + 2)
    offsets = shares[T - k1 : T, : k2 + 2]  # one step at each place of a chunk
    expected = np.minimum(1, np.maximum(0, (k2 - lags) / k1))
    np.testing.assert_allclose(offsets.mean(axis=0), expected[: offsets.shape[1]], atol=1e-12)


@pytest.mark.compiled
@every_cell
@pytest.mark.parametrize(("k1", "k2"), [(3, 3), (2, 5), (3, 4)])
def test_chunk_averaged_over_offsets_is_the_weighted_sum_of_all_lags(cell, k1, k2):
    """Of the loss of one step, in whole layers: lag l alone is Window(l) less Window(l - 1)."""
    layer, steps, t = make(cell), 12, 9
    x, dy = draw(steps, B, I), np.zeros((steps, B, H))
    dy[t] = draw(B, H, seed=1)

    def gradients(truncation, start=0):
        """With the call's edge, and so those of all chunks, `start` steps later."""
        state = layer.forward(x[:start])[1] if start else None
        trace = layer.forward(x[start:], state)[2]
        return layer.backward(trace, dy[start:], truncation=truncation)[1]

    windows = [gradients(tt.Window(lag)) for lag in range(k2)]
    chunks = [gradients(tt.Chunk(k1, k2), start) for start in range(k1)]
    for name in layer.params:
        up_to = [window[name] for window in windows]
        lags = np.diff(up_to, axis=0, prepend=0 * up_to[0][None])
        weights = np.minimum(1, (k2 - np.arange(k2)) / k1)
        expected = np.tensordot(weights, lags, axes=1)
        found = sum(chunk[name] for chunk in chunks) / k1
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=1e-13 * np.abs(up_to[-1]).max(), err_msg=name
        )


class Apart(tt.Window):
    """A window whose segments are differentiated by reverse sweeps."""

    def window(self, T):
        return None


@every_cell
def test_overlapping_segments_by_reverse_sweeps_equal_the_lag_sweep(cell):
    layer = make(cell, dropout=0.3)
    reset = np.zeros((T, B), bool)
    reset[3, 2] = True
    state, dstate = (tuple(draw(2, B, H, seed=s) for s in range(len(cell.states))) for _ in range(2))
    _, _, trace = layer.forward(draw(T, B, I), state, reset, np.array([6, 3, 5]), training=True)
    dy = draw(T, B, H, seed=7)
    expected = all_gradients(layer, trace, dy, dstate, tt.Window(2))
    # What starts at step 0 reaches the given state, which lies one lag beyond the window of step 2.
    found = all_gradients(layer, trace, dy, dstate, Apart(2))
    for s in range(len(cell.states)):
        del found[f"state_{s}"], expected[f"state_{s}"]
    assert_same(found, expected, 1e-13)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_a_call_that_no_segment_cuts_is_one_reverse_sweep(num_layers, monkeypatch):
    layer, x, dy = make(num_layers=num_layers), draw(T, B, I), draw(T, B, H, seed=1)
    _, _, trace = layer.forward(x)
    sweep, calls = for_cell(reverse, layer.cell), []
    monkeypatch.setattr(ways_back, "for_cell", lambda *_, **__: lambda *arrays: calls.append(sweep(*arrays)))
    for truncation in (tt.Full(), tt.Window(T), tt.Chunk(2), tt.Chunk(2, T), tt.Chunk(1, T + 9)):
        layer.backward(trace, dy, truncation=truncation)
        assert len(calls) == num_layers, truncation
        calls.clear()
    layer.backward(trace, dy, truncation=tt.Chunk(1, 3))
    assert len(calls) == 3 * num_layers


def test_window_as_long_as_the_call_leaves_out_only_the_initial_state():
    """The last step's loss reaches the state before the first step at lag T, which is beyond T - 1."""
    layer, dy = integrator(), np.zeros((4, 1, 1))
    _, _, trace = layer.forward(draw(4, 1, 1), np.ones((1, 1, 1)))
    dy[-1] = 1
    assert layer.backward(trace, dy, truncation=tt.Window(3))[2] == 0
    assert layer.backward(trace, dy, truncation=tt.Window(4))[2] == pytest.approx(0.9**4)


def test_gradient_of_the_last_state_belongs_to_each_sequences_last_step():
    layer, lengths = integrator(), np.array([4, 2])
    _, _, trace = layer.forward(draw(4, 2, 1), lengths=lengths)
    for truncation in (tt.Window(1), tt.Chunk(2), tt.Chunk(1, 2)):
        dx, _, _ = layer.backward(trace, None, np.ones((1, 2, 1)), truncation)
        np.testing.assert_allclose(dx[:, :, 0].T, [[0, 0, 0.9, 1], [0.9, 1, 0, 0]], atol=1e-15)


@pytest.mark.skipif(not COMPILING or not denormals._FLUSH, reason="nothing is flushed here")
def test_vanished_gradients_are_zero_not_denormal():
    layer = tt.RNN(1, 8, seed=0)
    layer.params["weight_hh_l0"] *= np.float32(1e-3)
    x = np.ones((40, 1, 1), np.float32)
    y, _, trace = layer.forward(x)
    dy = np.zeros_like(y)
    dy[-1] = 1
    dx, grads, _ = layer.backward(trace, dy)
    for array in (dx, *grads.values()):
        size = np.abs(array)
        assert not ((size > 0) & (size < np.finfo(np.float32).tiny)).any()
    assert np.abs(dx[0]).max() == 0 < np.abs(dx[-3]).max()


# ------------------------------------------------------------------ dropout and seeds


def test_dropout_acts_only_while_training_and_between_layers():
    x, plain, dropping = draw(T, B, I), make(gru), make(gru, dropout=0.5)
    expected = plain.forward(x)[0]
    np.testing.assert_array_equal(dropping.forward(x)[0], expected)
    assert np.abs(dropping.forward(x, training=True)[0] - expected).max() > 0.01
    single = make(gru, num_layers=1, dropout=0.5)
    np.testing.assert_array_equal(single.forward(x, training=True)[0], single.forward(x)[0])


def test_dropout_is_a_mask_between_two_layers():
    layer, x, dy = make(lstm, dropout=0.4), draw(T, B, I), draw(T, B, H, seed=1)
    bottom = tt.Recurrent(lstm, I, H, dtype="float64")
    top = tt.Recurrent(lstm, H, H, dtype="float64")
    bottom.params |= {name: a for name, a in layer.params.items() if name.endswith("_l0")}
    top.params |= {name[:-1] + "0": a for name, a in layer.params.items() if name.endswith("_l1")}

    layer.stack.dropout.rng = np.random.default_rng(5)
    y, _, trace = layer.forward(x, training=True)
    mask = (np.random.default_rng(5).random((T, B, H), np.float32) >= 0.4) / 0.6
    inner, _, bottom_trace = bottom.forward(x)
    expected_y, _, top_trace = top.forward(inner * mask)
    np.testing.assert_allclose(y, expected_y, atol=1e-14)
    dinner, _, _ = top.backward(top_trace, dy)
    dx, _, _ = bottom.backward(bottom_trace, dinner * mask)
    np.testing.assert_allclose(layer.backward(trace, dy)[0], dx, atol=1e-13)


DIGEST = """
import hashlib, numpy as np, throughtime as tt
layer = tt.LSTM(3, 5, 2, dropout=0.3, seed=7)
x = np.random.default_rng(0).standard_normal((9, 2, 3)).astype(np.float32)
digest = hashlib.sha256()
for truncation in (tt.Full(), tt.Window(2), tt.Chunk(4)):
    y, _, trace = layer.forward(x, training=True)
    dx, grads, _ = layer.backward(trace, y, truncation=truncation)
    for array in (y, dx, *grads.values(), *layer.params.values()):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_same_seed_gives_the_same_bits_in_every_process():
    digests = {
        subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(digests) == 1


def test_read_only_arguments_compile_nothing_anew():
    layer = tt.GRU(I, H, seed=0)
    given = [X.copy(), Y.copy(), np.array([4, 3])]

    def run():
        x, dy, lengths = given
        layer.backward(layer.forward(x, lengths=lengths)[2], dy)
        return cache_counts()

    before = run()
    for array in given:
        array.flags.writeable = False
    assert run() == before


def test_seed_decides_the_start():
    def digest(seed):
        params = make(lstm, seed=seed).params.values()
        return hashlib.sha256(b"".join(array.tobytes() for array in params)).hexdigest()

    assert digest(1) == digest(1) == digest(np.random.default_rng(1))
    assert len({digest(1), digest(2), digest(None), digest(None)}) == 4


def test_start_is_uniform_within_one_over_the_root_of_the_hidden_size():
    layer = tt.Recurrent(rich, 30, 64, seed=0)
    for name, array in layer.params.items():
        if name == "rho_l0":
            assert (array == np.float32(0.6)).all()
        else:
            assert 0.9 / 8 < np.abs(array).max() <= 1 / 8
            assert abs(array.mean()) < 0.03
        assert array.dtype == np.float32


def test_names_and_shapes_are_pytorchs():
    shapes = {name: array.shape for name, array in tt.GRU(3, 5, 2, seed=0).params.items()}
    assert shapes == {
        "weight_ih_l0": (15, 3),
        "weight_hh_l0": (15, 5),
        "bias_ih_l0": (15,),
        "bias_hh_l0": (15,),
        "weight_ih_l1": (15, 5),
        "weight_hh_l1": (15, 5),
        "bias_ih_l1": (15,),
        "bias_hh_l1": (15,),
    }
    assert list(tt.RNN(3, 5, bias=False).params) == ["weight_ih_l0", "weight_hh_l0"]


def test_layer_shows_what_it_is():
    shown = repr(tt.LSTM(3, 5, 2, dtype="float64"))
    assert shown == "LSTM(lstm, input_size=3, hidden_size=5, num_layers=2, dtype=float64)"


# ------------------------------------------------------------------ errors

X, Y = np.zeros((4, 2, I), np.float32), np.zeros((4, 2, H), np.float32)


def forward(x=X, cell=tt.GRU, **arguments):
    return lambda: cell(I, H).forward(x, **arguments)


def backward(dy=Y, **arguments):
    def run():
        layer = tt.GRU(I, H)
        layer.backward(layer.forward(X)[2], dy, **arguments)

    return run


def foreign_trace():
    tt.LSTM(I, H).backward(tt.GRU(I, H).forward(X)[2], Y)


def with_param(name, value):
    def run():
        layer = tt.GRU(I, H)
        if value is None:
            del layer.params[name]
        else:
            layer.params[name] = value
        layer.forward(X)

    return run


ERRORS = {
    "vectors of another size": (
        forward(np.zeros((4, 2, 3), np.float32)),
        tt.ShapeError,
        "x has shape (4, 2, 3); expected (T=4, batch=2, input_size=2)",
    ),
    "vectors without a batch": (forward(X[:, 0]), tt.ShapeError, "x has shape (4, 2); expected (T, batch,"),
    "no steps": (forward(X[:0]), tt.ShapeError, "at least one step"),
    "float64 for a float32 layer": (
        forward(X.astype(float)),
        tt.DtypeError,
        "x has dtype float64; expected float32",
    ),
    "integers for vectors": (forward(X.astype(int)), tt.DtypeError, "x has dtype int64; expected float32"),
    "ragged lists": (forward([[1.0], [1.0, 2.0]]), tt.ShapeError, "x is ragged"),
    "no numbers": (forward("abc"), tt.DtypeError, "x is str"),
    "an id too large": (
        forward(np.array([[0, 2]])),
        tt.TokenError,
        "x[0, 1] is 2; expected a token id from 0 to 1",
    ),
    "a negative id": (forward(np.array([[0], [-1]])), tt.TokenError, "x[1, 0] is -1"),
    "no ids": (forward(np.zeros((0, 2), int)), tt.ShapeError, "x has shape (0, 2)"),
    "a state of another shape": (
        forward(state=np.zeros((1, 3, H), np.float32)),
        tt.ShapeError,
        "state has shape (1, 3, 4); expected (num_layers=1, batch=2, hidden_size=4). Pass state=None for zeros.",
    ),
    "one part of two": (
        forward(cell=tt.LSTM, state=np.zeros((1, 2, H), np.float32)),
        tt.ShapeError,
        "state has 1 parts; expected 2, (h, c)",
    ),
    "reset of integers": (forward(reset=np.zeros((4, 2), int)), tt.DtypeError, "reset has dtype int64"),
    "reset of another shape": (forward(reset=np.zeros(4, bool)), tt.ShapeError, "reset has shape (4,)"),
    "fractional lengths": (forward(lengths=np.ones(2)), tt.DtypeError, "lengths has dtype float64"),
    "too few lengths": (
        forward(lengths=[4]),
        tt.ShapeError,
        "lengths has shape (1,); expected (batch=2,)",
    ),
    "lengths too long": (
        forward(lengths=[1, 5]),
        tt.ArgumentError,
        "lengths run from 1 to 5; expected 1 to T=4",
    ),
    "an empty sequence": (forward(lengths=[0, 4]), tt.ArgumentError, "lengths run from 0 to 4"),
    "dy of another shape": (
        backward(Y[1:]),
        tt.ShapeError,
        "dy has shape (3, 2, 4); expected (T=4, batch=2, hidden_size=4)",
    ),
    "dy of another type": (backward(Y.astype(float)), tt.DtypeError, "dy has dtype float64"),
    "dstate of another shape": (
        backward(dstate=np.zeros((2, 2, H), np.float32)),
        tt.ShapeError,
        "dstate has shape (2, 2, 4)",
    ),
    "a truncation by its spelling": (
        backward(truncation="window:4"),
        tt.ArgumentError,
        "truncation 'window:4' found; expected Full()",
    ),
    "another layer's trace": (
        foreign_trace,
        tt.ArgumentError,
        "trace is a Trace that this layer did not make",
    ),
    "a step of three dimensions": (
        lambda: tt.GRU(I, H).step(X),
        tt.ShapeError,
        "x has shape (4, 2, 2); expected (batch, input_size=2)",
    ),
    "a step without a batch": (lambda: tt.GRU(I, H).step(X[0, 0]), tt.ShapeError, "x has shape (2,)"),
    "a parameter of another type": (
        with_param("weight_hh_l0", np.zeros((3 * H, H))),
        tt.DtypeError,
        "parameter 'weight_hh_l0' is float64(12, 4); expected float32(12, 4)",
    ),
    "a parameter of another shape": (
        with_param("bias_ih_l0", np.zeros(3, np.float32)),
        tt.ShapeError,
        "parameter 'bias_ih_l0' is float32(3,)",
    ),
    "a parameter that is a list": (with_param("bias_ih_l0", [0.0]), tt.DtypeError, "'bias_ih_l0' is list"),
    "a missing parameter": (with_param("bias_ih_l0", None), tt.ArgumentError, "'bias_ih_l0' is missing"),
    "an unknown parameter": (with_param("bias", Y), tt.ArgumentError, "'bias' is unknown"),
    "no units": (lambda: tt.GRU(I, 0), tt.ArgumentError, "hidden_size=0 found; expected an int"),
    "half a layer": (lambda: tt.GRU(I, H, 0.5), tt.ArgumentError, "num_layers=0.5 found"),
    "true for a number": (lambda: tt.GRU(True, H), tt.ArgumentError, "input_size=True found"),
    "all dropped": (lambda: tt.GRU(I, H, dropout=1.0), tt.ArgumentError, "dropout 1.0 found"),
    "dropout in words": (lambda: tt.GRU(I, H, dropout="half"), tt.ArgumentError, "dropout 'half' found"),
    "half precision": (lambda: tt.GRU(I, H, dtype="float16"), tt.DtypeError, "dtype 'float16' found"),
    "no type at all": (lambda: tt.GRU(I, H, dtype="real"), tt.DtypeError, "dtype 'real' found"),
    "a negative seed": (lambda: tt.GRU(I, H, seed=-1), tt.ArgumentError, "seed -1 found"),
    "a seed in words": (lambda: tt.GRU(I, H, seed="one"), tt.ArgumentError, "seed 'one' found"),
    "an unknown nonlinearity": (
        lambda: tt.RNN(I, H, nonlinearity="elu"),
        tt.ArgumentError,
        "nonlinearity 'elu' found; expected one of tanh, relu, sigmoid",
    ),
    "a cell by its name": (lambda: tt.Recurrent("gru", I, H), tt.CellError, "cell of type str found"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_argument_is_refused_in_one_line(case):
    run, kind, found = ERRORS[case]
    with pytest.raises(kind, match=re.escape(found)) as error:
        run()
    message = str(error.value)
    assert "\n" not in message
    assert re.search(r"; expected .*[.)] [A-Z].*\.$", message), "no expectation, or no remedy"
