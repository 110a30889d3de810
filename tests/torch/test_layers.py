"""PyTorch's layers and ours: the same outputs, states and gradients, whatever the arguments."""

import copy
import itertools
import pickle
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
from tests.conftest import require_torch

torch = require_torch()

from tests.torch.pairs import KINDS, learn, make_pair, states_of, weight_gradients, worst  # noqa: E402
from torch import nn  # noqa: E402

from throughtime.torch.layers import passes, sweep  # noqa: E402

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


by_sweeps = pytest.mark.usefixtures("by_sweeps")


@by_sweeps
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_layer_gives_what_pytorchs_gives(kind, num_layers, bidirectional, dtype, sweeps):
    arguments = {"bidirectional": bidirectional, "dtype": dtype}
    cases = itertools.product([False, True], [None, torch.tensor([3, 7, 1, 4])], [False, True], [False, True])
    for batch_first, lengths, with_state, bias in cases:
        theirs, ours = make_pair(kind, 5, 6, num_layers, batch_first=batch_first, bias=bias, **arguments)
        x = torch.randn(*((4, 7) if batch_first else (7, 4)), 5, dtype=dtype)
        state = states_of(theirs, 4, dtype) if with_state else None
        found, expected = learn(ours, x, state, lengths), learn(theirs, x, state, lengths)
        assert worst(found, expected) < TOLERANCE[dtype], (batch_first, lengths, with_state, bias)
    assert len(sweeps) == 16


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [0.4, 1.0])
@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 7, 1, 4])], ids=["padded", "packed"])
def test_dropout_draws_as_pytorch_does(kind, p, lengths):
    theirs, ours = make_pair(kind, 5, 6, 3, dropout=p, bidirectional=True, batch_first=True)
    x = torch.randn(4, 7, 5, dtype=torch.float64)
    found = learn(ours, x, lengths=lengths)
    assert worst(found, learn(theirs, x, lengths=lengths)) < 1e-12
    if p < 1:  # otherwise the same whatever is drawn
        assert worst(found, learn(ours, x, lengths=lengths, seed=5)) > 1e-3
    assert worst(learn(ours.eval(), x), learn(theirs.eval(), x)) < 1e-12


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_unbatched_input_has_no_axis_for_the_batch(kind, batch_first):
    theirs, ours = make_pair(kind, 3, 4, 2, batch_first=batch_first)
    x = torch.randn(6, 3, dtype=torch.float64)
    state = states_of(theirs, 1)
    state = tuple(part[:, 0] for part in state) if isinstance(state, tuple) else state[:, 0]
    assert worst(learn(ours, x, state), learn(theirs, x, state)) < 1e-12


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 7, 1, 4, 5])], ids=["padded", "packed"])
def test_batch_is_divided_among_as_many_threads_as_pytorch_may_use(kind, lengths, monkeypatch):
    theirs, ours = make_pair(kind, 5, 6, 2, dropout=0.5, bidirectional=True)
    x, state = torch.randn(7, 5, 5, dtype=torch.float64), states_of(theirs, 5)
    counts = []
    side_by_side = passes.side_by_side
    monkeypatch.setattr(
        passes, "side_by_side", lambda work, count: (counts.append(count), side_by_side(work, count))[1]
    )
    monkeypatch.setattr(passes, "_WORTH_A_THREAD", 1e-9)
    torch.set_num_threads(3)
    try:
        found = learn(ours, x, state, lengths)
        assert counts == [3, 3]
    finally:
        torch.set_num_threads(1)
    assert worst(found, learn(theirs, x, state, lengths)) < 1e-12
    assert worst(found, learn(ours, x, state, lengths)) < 1e-12
    assert counts[2:] == [1, 1]


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradcheck(kind, bidirectional):
    _, ours = make_pair(kind, 2, 3, 2, bidirectional=bidirectional)
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    state = states_of(ours, 2)
    parts = [part.requires_grad_() for part in (state if isinstance(state, tuple) else (state,))]
    names = [name for name, _ in ours.named_parameters()]

    def of_all(x, *rest):
        hx = rest[: len(parts)]
        weights = dict(zip(names, rest[len(parts) :], strict=True))
        y, last = torch.func.functional_call(ours, weights, (x, hx if len(hx) > 1 else hx[0]))
        return y, *(last if isinstance(last, tuple) else (last,))

    assert torch.autograd.gradcheck(of_all, (x, *parts, *ours.parameters()))


@by_sweeps
def test_layer_used_twice_in_one_graph_adds_its_gradients_up():
    theirs, ours = make_pair("gru", 3, 3, 2)
    x = torch.randn(5, 2, 3, dtype=torch.float64)

    def loss_of(layer):
        again, _ = layer(*layer(x))
        return again.square().sum()

    assert worst(weight_gradients(ours, loss_of), weight_gradients(theirs, loss_of)) < 1e-12


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
def test_graph_that_is_retained_can_be_gone_back_over_again(kind):
    _, ours = make_pair(kind, 3, 4, 2)
    y, _ = ours(torch.randn(5, 2, 3, dtype=torch.float64))
    loss = y.square().sum()
    loss.backward(retain_graph=True)
    first = [weight.grad.clone() for weight in ours.parameters()]
    loss.backward()
    assert worst([weight.grad for weight in ours.parameters()], [2 * grad for grad in first]) < 1e-15
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
def test_output_may_be_changed_in_place(kind):
    theirs, ours = make_pair(kind, 3, 4, 2)
    x = torch.randn(5, 2, 3, dtype=torch.float64)

    def loss_of(layer):
        return layer(x)[0].mul_(2).relu_().sum()

    assert worst(weight_gradients(ours, loss_of), weight_gradients(theirs, loss_of)) < 1e-12


@by_sweeps
@pytest.mark.parametrize("what", ["input", "weight"])
def test_what_was_changed_in_place_since_is_refused_on_the_way_back(what):
    _, ours = make_pair("gru", 3, 4)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    y, _ = ours(x)
    with torch.no_grad():
        (x if what == "input" else ours.weight_hh_l0).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@by_sweeps
def test_only_what_needs_a_gradient_gets_one():
    _, ours = make_pair("lstm", 3, 4, 2)
    for name, weight in ours.named_parameters():
        weight.requires_grad_(name.endswith("l1"))
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    ours(x)[0].sum().backward()
    assert {name for name, weight in ours.named_parameters() if weight.grad is not None} == {
        f"{kind}_l1" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
def test_state_alone_may_carry_the_loss(kind):
    theirs, ours = make_pair(kind, 3, 4, 2)
    x = torch.randn(5, 2, 3, dtype=torch.float64)

    def loss_of(layer):
        _, last = layer(x)
        return (last[1] if isinstance(last, tuple) else last)[1].square().sum()

    assert worst(weight_gradients(ours, loss_of), weight_gradients(theirs, loss_of)) < 1e-12


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
def test_no_grad_keeps_nothing_and_gives_the_same_bits(kind):
    _, ours = make_pair(kind, 3, 4, 2, bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    with_graph, _ = ours(x)
    with torch.no_grad():
        without, _ = ours(x)
    with torch.inference_mode():
        inferring, _ = ours(x)
    assert with_graph.grad_fn is not None
    assert without.grad_fn is None
    assert torch.equal(with_graph, without)
    assert torch.equal(with_graph, inferring)


@by_sweeps
@pytest.mark.parametrize("stride", ["transposed", "every second", "broadcast"])
def test_memory_may_lie_in_any_order(stride):
    theirs, ours = make_pair("lstm", 3, 4)
    x = {
        "transposed": torch.randn(2, 7, 3, dtype=torch.float64).transpose(0, 1),
        "every second": torch.randn(7, 2, 6, dtype=torch.float64)[..., ::2],
        "broadcast": torch.randn(7, 1, 3, dtype=torch.float64).expand(7, 2, 3),
    }[stride]
    assert not x.is_contiguous()
    with torch.no_grad():
        for layer in (theirs, ours):
            layer.weight_hh_l0.set_(theirs.weight_hh_l0.t().contiguous().t())
    assert worst([ours(x)[0].detach()], [theirs(x)[0].detach()]) < 1e-12


@by_sweeps
def test_input_and_weights_are_read_where_they_lie(monkeypatch):
    _, ours = make_pair("gru", 3, 4)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    read = []
    stack_of = passes._stack

    def watched(*given):
        stack = stack_of(*given)

        class Watched:
            def forward(self, params, source, *rest):
                read.append((source.x.ctypes.data, params["weight_hh_l0"].ctypes.data))
                return stack.forward(params, source, *rest)

        return Watched()

    monkeypatch.setattr(passes, "_stack", watched)
    ours(x)
    assert read == [(x.data_ptr(), ours.weight_hh_l0.data_ptr())]


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
def test_layer_is_pytorchs_in_all_but_its_computation(kind):
    theirs, ours = make_pair(kind, 3, 4, 2, bidirectional=True, dropout=0.1)
    own, _ = KINDS[kind]
    assert isinstance(ours, own)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert set(vars(ours)) == set(vars(theirs))
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    ours.eval()
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert type(other) is type(ours)
        assert torch.equal(other(x)[0], ours(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_is_refused_in_pytorchs_words(kind):
    theirs, ours = make_pair(kind, 3, 4)
    wrong = [
        (torch.randn(5, 2, 9, dtype=torch.float64),),
        (torch.randn(5, dtype=torch.float64),),
        (torch.randn(5, 2, 3),),
        (torch.randn(5, 2, 3, dtype=torch.float64), states_of(theirs, 7)),
        (torch.randn(0, 2, 3, dtype=torch.float64),),
        (nn.utils.rnn.pack_sequence([torch.randn(4, 9, dtype=torch.float64)]),),
        (nn.utils.rnn.PackedSequence(torch.randn(5, 3, dtype=torch.float64), torch.tensor([1, 3, 1])),),
    ]
    for arguments in wrong:
        with pytest.raises(Exception) as expected:  # noqa: PT011
            theirs(*arguments)
        with pytest.raises(expected.type) as found:
            ours(*arguments)
        assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("kind", KINDS)
def test_batch_of_none_is_empty(kind):
    theirs, ours = make_pair(kind, 3, 4)
    x = torch.randn(5, 0, 3, dtype=torch.float64)
    assert ours(x)[0].shape == theirs(x)[0].shape == (5, 0, 4)


def test_weight_of_another_shape_is_not_reached_into():
    _, ours = make_pair("gru", 3, 4)
    ours.weight_hh_l0 = nn.Parameter(torch.randn(3, 3, dtype=torch.float64))
    with pytest.raises(RuntimeError):
        ours(torch.randn(5, 2, 3, dtype=torch.float64))


@by_sweeps
def test_checkpointed_layer_has_the_same_gradient_and_keeps_nothing_meanwhile():
    _, ours = make_pair("lstm", 3, 4, 2, dropout=0.5)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    grads, kept = [], []
    for run in (ours, lambda x: torch.utils.checkpoint.checkpoint(ours, x, use_reentrant=False)):
        torch.manual_seed(4)
        ours.zero_grad()
        with kept_arrays() as arrays:
            y, _ = run(x)
        kept.append(sum(array() is not None for array in arrays))
        y.square().sum().backward()
        grads.append([weight.grad for weight in ours.parameters()])
    assert worst(grads[1], grads[0]) < 1e-15
    assert kept[0] > 4
    assert kept[1] == 0


@contextmanager
def kept_arrays():
    """Weak references to the arrays that the forward passes within leave for the way back."""
    arrays, forward = [], sweep.forward

    def watched(*given, **named):
        passed = forward(*given, **named)
        arrays.extend(weakref.ref(_owner(array)) for array in passed.kept)
        return passed

    sweep.forward = watched
    try:
        yield arrays
    finally:
        sweep.forward = forward


def _owner(array):
    return _owner(array.base) if isinstance(array.base, np.ndarray) else array


@by_sweeps
def test_nothing_is_kept_once_the_way_back_is_done():
    _, ours = make_pair("gru", 3, 4, 2, bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True) * 1
    read = weakref.ref(x)
    with kept_arrays() as arrays:
        loss = ours(x)[0].sum()
    del x
    assert read() is not None
    loss.backward()
    assert read() is None
    assert not any(array() is not None for array in arrays)


@by_sweeps
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_hooks_on_what_is_saved_have_the_last_word(kind, bidirectional):
    """What was copied when it was saved is what is gone back over, whatever became of the original since."""
    theirs, ours = make_pair(kind, 3, 4, 2, bidirectional=bidirectional)

    def loss_of(layer):
        x = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(5, 2, 3)
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.clone(), lambda tensor: tensor):
            y, _ = layer(x)
        with torch.no_grad():
            x.zero_()
            for weight in layer.parameters():
                weight.add_(1)
        return y.square().sum()

    assert worst(weight_gradients(ours, loss_of), weight_gradients(theirs, loss_of)) < 1e-12


@by_sweeps
def test_gradient_may_come_as_a_negative_view():
    theirs, ours = make_pair("gru", 3, 4)
    x, dy = torch.randn(5, 2, 3, dtype=torch.float64), torch.randn(5, 2, 4, dtype=torch.float64)
    grads = []
    for layer in (theirs, ours):
        layer(x)[0].backward(torch._neg_view(dy))
        grads.append([weight.grad for weight in layer.parameters()])
    assert worst(grads[1], grads[0]) < 1e-12


@by_sweeps
def test_default_device_is_not_asked():
    theirs, ours = make_pair("gru", 3, 4, 2, dropout=0.5)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    state = torch.zeros(2, 2, 4, dtype=torch.float64)
    torch.manual_seed(1)
    expected, _ = theirs(x, state)
    torch.manual_seed(1)
    with torch.device("meta"):
        found, _ = ours(x, state)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
