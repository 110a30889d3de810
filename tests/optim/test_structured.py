"""Gradients kept as what they are made of, against the arrays that they stand for."""

import numpy as np
import pytest

import throughtime as tt
from throughtime.errors import ArgumentError
from throughtime.machine.denormals import flush_to_zero
from throughtime.machine.workspace import Workspace
from throughtime.optim import SGD, Adam, Clip, ClipAuto, ClipNorm, ClipResult, ClipValue, global_norm
from throughtime.optim.structured import OuterProducts, SomeRows, Structured, add_gradients, as_array

pytestmark = pytest.mark.kernels


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def outer_products(seed=0):
    left, right = drawn(5, 13, seed=seed), drawn(5, 7, seed=seed + 1)
    return OuterProducts(left, right), left.astype(float).T @ right


def some_rows(turned, seed=0):
    ids, rows = np.array([3, 0, 3, 8]), drawn(4, 6, seed=seed)
    whole = np.zeros((9, 6))
    np.add.at(whole, ids, rows)
    return SomeRows(ids, rows, 9, turned), whole.T if turned else whole


KINDS = pytest.mark.parametrize(
    "made",
    [outer_products, lambda seed=0: some_rows(False, seed), lambda seed=0: some_rows(True, seed)],
    ids=["outer products", "rows", "columns"],
)


@KINDS
def test_norm_and_whole_array_are_those_of_what_it_stands_for(made):
    gradient, whole = made()
    assert gradient.shape == whole.shape
    np.testing.assert_allclose(gradient.dense(), whole, atol=1e-6)
    assert gradient.norm() == pytest.approx(np.linalg.norm(whole), rel=1e-6)


@KINDS
@pytest.mark.parametrize("order", ["C", "F"])
def test_it_is_added_in_place_with_its_factor(made, order):
    gradient, whole = made()
    param = np.asarray(drawn(*whole.shape, seed=9), order=order)
    before, gradient.factor = param.copy(), 0.5
    gradient.add_to(param, -0.1)
    np.testing.assert_allclose(param, before - 0.05 * whole, atol=1e-6)


@KINDS
def test_what_was_clipped_from_the_edge_of_the_numbers_is_not_lost(made):
    """lr * theta / norm is no normal float32, the update is."""
    gradient, whole = made()
    for part in (gradient.left,) if isinstance(gradient, OuterProducts) else (gradient.rows,):
        part *= np.float32(1e36)
    ClipNorm(1.0).apply({"a": gradient})
    param = np.zeros(whole.shape, np.float32)
    with flush_to_zero():
        SGD(1e-3).step({"a": param}, {"a": gradient})
    np.testing.assert_allclose(param, -1e-3 * whole / np.linalg.norm(whole), rtol=1e-4, atol=1e-9)


@KINDS
def test_an_array_and_what_stands_for_one_are_added(made):
    for turn in (False, True):
        (one, whole), (_, more) = made(), made(seed=4)
        pair = one, more.astype(np.float32)
        found = add_gradients(*(pair[::-1] if turn else pair))
        np.testing.assert_allclose(found, whole + more, atol=1e-5)


@KINDS
def test_two_of_a_kind_are_added(made):
    (one, whole), (other, more) = made(), made(seed=4)
    np.testing.assert_allclose(add_gradients(one, other).dense(), whole + more, atol=1e-6)


def test_norm_survives_outer_products_that_cancel():
    """left.T @ right is the small difference of two large products."""
    row = drawn(1, 40)
    left, right = np.vstack([row, -row]), np.vstack([drawn(1, 30, seed=1)] * 2)
    left[1] += np.float32(1e-4) * drawn(40, seed=2)
    expected = np.linalg.norm(left.astype(float).T @ right)
    assert OuterProducts(left, right).norm() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@KINDS
def test_norm_of_what_is_not_finite_is_not_finite(made, bad):
    gradient, _ = made()
    parts = [gradient.left, gradient.right] if isinstance(gradient, OuterProducts) else [gradient.rows]
    for part in parts:
        kept = part[1, 2]
        part[1, 2] = bad
        assert not np.isfinite(gradient.norm())
        part[1, 2] = kept
    assert np.isfinite(gradient.norm())


@pytest.mark.parametrize("clip", [ClipNorm(1.0), ClipNorm(1e6)], ids=["clipped", "not clipped"])
def test_clipping_scales_them_with_the_arrays(clip):
    (products, whole), (rows, table) = outer_products(), some_rows(False)
    arrays = {"a": whole.astype(np.float32), "b": table.astype(np.float32), "c": drawn(3)}
    grads = {"a": products, "b": rows, "c": drawn(3)}
    assert global_norm(grads) == pytest.approx(global_norm(arrays), rel=1e-6)
    expected, found = clip.apply(arrays), clip.apply(grads)
    assert found.norm == pytest.approx(expected.norm, rel=1e-6)
    assert found.clipped == expected.clipped
    for name in ("a", "b"):
        np.testing.assert_allclose(grads[name].dense(), arrays[name], atol=1e-6)


def test_what_changes_single_elements_asks_for_arrays():
    with pytest.raises(ArgumentError, match="expected arrays"):
        ClipValue(1.0).apply({"a": outer_products()[0]})
    assert not ClipValue(1.0).structured
    assert ClipAuto(5.0).structured


def test_a_clip_of_ones_own_is_given_arrays():
    class Clamp(Clip):
        def apply(self, grads):
            for grad in grads.values():
                np.clip(grad, -1, 1, out=grad)
            return ClipResult(1.0, clipped=True)

    assert not Clamp.structured
    model, ids = tt.LanguageModel(9, 4, seed=0), np.arange(200) % 9
    tt.fit(model, ids, clip=Clamp(), optimizer=SGD(0.1), batch_size=2, seq_len=5, max_steps=2)


def test_equations_of_a_subclass_are_its_own():
    class Tenfold(SGD):
        def coefficients(self):
            return (10 * self.lr,)

    class Signs(SGD):
        kernel = staticmethod(lambda p, g, lr: np.subtract(p, lr * np.sign(g), out=p))

    assert not Signs(0.1).structured
    gradient, whole = outer_products()
    for optimizer, expected in ((Tenfold(0.1), -whole), (Signs(0.1), -0.1 * np.sign(whole))):
        param = np.zeros(whole.shape, np.float32)
        optimizer.step({"a": param}, {"a": gradient})
        np.testing.assert_allclose(param, expected, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: SGD(0.1), lambda: Adam(0.1)])
def test_optimizers_take_them_for_arrays(make):
    gradient, whole = outer_products()
    param = drawn(*whole.shape, seed=9)
    expected = param.copy()
    make().step({"a": param}, {"a": gradient})
    make().step({"a": expected}, {"a": whole.astype(np.float32)})
    np.testing.assert_allclose(param, expected, atol=1e-5)


def test_what_does_not_fit_a_parameter_is_refused():
    gradient, whole = outer_products()
    with pytest.raises(tt.ShapeError, match="gradient 'a'"):
        SGD(0.1).step({"a": drawn(*whole.T.shape)}, {"a": gradient})


@pytest.mark.compiled
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("embedding_size", "tied"), [(None, False), (8, False), (8, True)])
def test_gradients_of_a_model_stand_for_the_same_arrays(embedding_size, tied, threads):
    model = tt.LanguageModel(17000, 8, cell="gru", embedding_size=embedding_size, tied=tied, seed=0)
    ids = np.random.default_rng(0).integers(0, 17000, (5, 3))
    how = {"truncation": tt.Full(), "threads": threads}
    dense = tt.bptt(model, ids, ids, **how).grads
    found = model.bptt(ids, ids, workspace=Workspace(), structured=True, **how).grads
    kept = {name for name, gradient in found.items() if isinstance(gradient, Structured)}
    table = "embedding.weight" if embedding_size else "rnn.weight_ih_l0"
    assert kept == (set() if tied else {"readout.weight", table})
    for name, gradient in found.items():
        whole = gradient.dense() if name in kept else gradient
        np.testing.assert_allclose(whole, dense[name], atol=1e-6 * np.abs(dense[name]).max())


def test_arrays_are_made_where_that_is_cheaper():
    ids = np.random.default_rng(0).integers(0, 30, (40, 3))
    model = tt.LanguageModel(30, 8, embedding_size=4, seed=0)
    grads = model.bptt(ids, ids, truncation=tt.Full(), workspace=Workspace(), structured=True).grads
    assert not any(isinstance(gradient, Structured) for gradient in grads.values())


@pytest.mark.compiled
@pytest.mark.parametrize(("T", "B", "V"), [(4, 3, 6), (3, 5, 17000)])
def test_shares_of_a_batch_may_find_gradients_of_different_kinds(T, B, V):
    """A share with more tokens than the table has rows projects it whole; so may the rows that are scored differ."""
    model = tt.LanguageModel(V, 8, "rnn", embedding_size=2, seed=0)
    rng = np.random.default_rng(0)
    inputs, targets = rng.integers(0, V, (T, B)), rng.integers(0, V, (T, B))
    targets[:, -1] = -100
    dense = tt.bptt(model, inputs, targets).grads
    found = model.bptt(
        inputs, targets, truncation=tt.Full(), workspace=Workspace(), structured=True, threads=2
    ).grads
    for name, gradient in found.items():
        np.testing.assert_allclose(as_array(gradient), dense[name], atol=1e-6)
