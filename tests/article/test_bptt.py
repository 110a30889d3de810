"""The article's BPTT against central differences, against its sum written out, and against PyTorch."""

from types import ModuleType

import numpy as np
import pytest

from throughtime.article import (
    RNN,
    Gradients,
    bptt,
    bptt_last_steps,
    gradient_check,
    jacobian,
    last_steps_loss,
    relative_error,
)
from throughtime.article.bptt import output_deltas

REPEATED = ([0, 3, 3, 5, 3, 0, 2, 3], [3, 3, 5, 3, 0, 2, 3, 1])


def network(tau: int | None, hidden_dim: int = 4, scale: float = 2.0) -> RNN:
    """A network far enough from its start that tanh bends and far lags still count."""
    model = RNN(word_dim=6, hidden_dim=hidden_dim, bptt_truncate=tau, seed=5)
    for parameter in model.parameters.values():
        parameter *= scale
    return model


def written_out(model: RNN, x: list[int], y: list[int], tau: int) -> Gradients:
    """The double sum with each Jacobian product made on its own, dense one-hot words, and no recursion."""
    o, s = model.forward_propagation(x)
    d = Gradients.zeros(model)
    one_hot = np.eye(model.word_dim)
    for t in range(len(x)):
        dE_dz = o[t] - one_hot[y[t]]
        d.V += np.outer(dE_dz, s[t])
        for k in range(max(0, t - tau), t + 1):
            ds_t_ds_k = np.eye(model.hidden_dim)
            for j in range(k + 1, t + 1):
                ds_t_ds_k = jacobian(model, s[j]) @ ds_t_ds_k
            e = np.diag(1 - s[k] ** 2) @ ds_t_ds_k.T @ model.V.T @ dE_dz
            d.W += np.outer(e, s[k - 1] if k else np.zeros(model.hidden_dim))
            d.U += np.outer(e, one_hot[x[k]])
    return d


def assert_same(found: Gradients, expected: Gradients, tolerance: float) -> None:
    for (name, one), (_, other) in zip(found.items(), expected.items(), strict=True):
        assert relative_error(one, other) <= tolerance, name


@pytest.mark.parametrize("tau", [0, 1, 2, 4, 7, 1000, None])
def test_bptt_matches_central_differences_of_the_window(tau: int | None) -> None:
    gradient_check(network(tau), *REPEATED, tolerance=1e-8)


@pytest.mark.parametrize("tau", [0, 1, 4, 7, 1000])
def test_bptt_equals_the_sum_written_out(tau: int) -> None:
    assert_same(bptt(network(tau), *REPEATED), written_out(network(tau), *REPEATED, tau), 1e-13)


@pytest.mark.parametrize("tau", [7, 8, 1000])
def test_bptt_is_whole_once_tau_reaches_the_sentence(tau: int) -> None:
    assert_same(bptt(network(tau), *REPEATED), bptt(network(None), *REPEATED), 0.0)


def test_bptt_keeps_tau_plus_one_terms() -> None:
    whole = bptt(network(None), *REPEATED)
    shorter = bptt(network(6), *REPEATED)  # leaves out one term, t = 7 with k = 0
    assert relative_error(shorter.W, whole.W) == 0.0  # its s_{k-1} is the zero before the sentence
    assert relative_error(shorter.U, whole.U) > 1e-6
    assert relative_error(bptt(network(5), *REPEATED).W, whole.W) > 1e-6


def test_bptt_of_one_word() -> None:
    model = network(4)
    d = bptt(model, [2], [4])
    assert not d.W.any()  # there is no state before the first word
    assert np.flatnonzero(d.U.any(axis=0)).tolist() == [2]
    assert_same(d, written_out(model, [2], [4], 4), 1e-14)


def test_bptt_adds_up_the_deltas_of_a_repeated_word() -> None:
    model = network(0)
    x, y = [2, 2], [4, 1]
    o, s = model.forward_propagation(x)
    deltas = [(model.V.T @ (o[t] - np.eye(6)[y[t]])) * (1 - s[t] ** 2) for t in range(2)]
    np.testing.assert_allclose(bptt(model, x, y).U[:, 2], deltas[0] + deltas[1], rtol=1e-13)


def test_output_deltas_leave_the_probabilities_as_they_were() -> None:
    o = np.array([[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_array_equal(output_deltas(o, np.array([1, 0])), [[0.25, -0.25], [-0.5, 0.5]])
    np.testing.assert_array_equal(o.sum(axis=1), 1.0)


def test_bptt_leaves_the_model_as_it_was() -> None:
    model = network(4)
    before = {name: parameter.copy() for name, parameter in model.parameters.items()}
    bptt(model, *REPEATED)
    bptt_last_steps(model, *REPEATED)
    for name, parameter in model.parameters.items():
        assert np.array_equal(parameter, before[name])


@pytest.mark.parametrize("gradient", [bptt, bptt_last_steps])
def test_gradients_of_words_out_of_order_are_refused(gradient: type) -> None:
    with pytest.raises(ValueError, match="x has 2 words and y has 1"):
        gradient(network(4), [0, 1], [1])
    with pytest.raises(IndexError, match="word index 6"):
        gradient(network(4), [0, 1], [1, 6])


def test_bptt_refuses_a_truncation_set_to_minus_one_later() -> None:
    model = network(4)
    model.bptt_truncate = -1
    with pytest.raises(ValueError, match=r"^bptt_truncate is -1; expected 0 or more lags\. Pass None"):
        bptt(model, *REPEATED)


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 20])
def test_last_steps_match_central_differences(steps: int) -> None:
    model = network(None)
    gradient_check(
        model,
        *REPEATED,
        gradients=bptt_last_steps(model, *REPEATED, steps),
        loss=last_steps_loss(model, *REPEATED, steps),
        tolerance=1e-8,
    )


@pytest.mark.parametrize("steps", [8, 20])
def test_last_steps_are_whole_once_they_span_the_sentence(steps: int) -> None:
    model = network(None)
    assert_same(bptt_last_steps(model, *REPEATED, steps), bptt(model, *REPEATED), 1e-13)


def test_last_steps_do_not_learn_from_earlier_losses() -> None:
    model = network(None)
    x, y = REPEATED
    other = [*([4] * 4), *y[4:]]  # other words to predict in the first four steps
    assert_same(bptt_last_steps(model, x, other, 4), bptt_last_steps(model, x, y, 4), 0.0)
    assert relative_error(bptt(model, x, other).V, bptt(model, x, y).V) > 0.1


def test_last_steps_refuse_none_at_all() -> None:
    with pytest.raises(ValueError, match=r"^steps is 0; expected at least 1"):
        bptt_last_steps(network(None), *REPEATED, 0)


@pytest.mark.parametrize("tau", [0, 1, 4, 7])
def test_bptt_matches_autograd_with_the_state_detached(torch: ModuleType, tau: int) -> None:
    model = network(tau)
    x, y = REPEATED
    U, V, W = (torch.tensor(p, requires_grad=True) for p in (model.U, model.V, model.W))
    held = [torch.zeros(4, dtype=torch.float64)]  # held[t] is s_{t-1}
    for word in x:
        held.append(torch.tanh(U[:, word] + W @ held[-1]).detach())
    E = torch.zeros((), dtype=torch.float64)
    for t in range(len(x)):
        s = held[max(0, t - tau)]
        for k in range(max(0, t - tau), t + 1):
            s = torch.tanh(U[:, x[k]] + W @ s)
        E = E - torch.log_softmax(V @ s, dim=0)[y[t]]
    E.backward()
    assert_same(bptt(model, x, y), Gradients(U.grad.numpy(), V.grad.numpy(), W.grad.numpy()), 1e-13)
