"""A layer of PyTorch's and one of ours with the same weights, and what both make of the same input."""

import copy

from tests.conftest import require_torch

torch = require_torch()

from torch import nn  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402

KINDS = {
    "rnn_tanh": (nn.RNN, {"nonlinearity": "tanh"}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "gru": (nn.GRU, {}),
    "lstm": (nn.LSTM, {}),
}


def make_pair(kind, *sizes, dtype=torch.float64, **arguments):
    """PyTorch's layer, and ours with its weights."""
    torch.manual_seed(0)
    own, extra = KINDS[kind]
    theirs = own(*sizes, dtype=dtype, **extra, **arguments)
    ours = getattr(tt_torch, own.__name__)(*sizes, dtype=dtype, **extra, **arguments)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def states_of(layer, batch, dtype=torch.float64):
    """A random first state for a layer, as its forward takes it."""
    directions = 2 if layer.bidirectional else 1
    shape = directions * layer.num_layers, batch, layer.hidden_size
    parts = [torch.randn(shape, dtype=dtype) for _ in range(2 if isinstance(layer, nn.LSTM) else 1)]
    return tuple(parts) if len(parts) == 2 else parts[0]


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def learn(layer, x, state=None, lengths=None, seed=1):
    """Output, states, and the gradients of input, first state and weights, of a loss that all of these enter."""
    torch.manual_seed(seed)  # of dropout
    layer = copy.deepcopy(layer)
    x = x.detach().clone().requires_grad_()
    first = () if state is None else tuple(part.detach().clone().requires_grad_() for part in as_tuple(state))
    given = x
    if lengths is not None:
        given = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=layer.batch_first, enforce_sorted=False
        )
    hx = () if state is None else (first if isinstance(state, tuple) else first[0],)
    y, last = layer(given, *hx)
    y = y if lengths is None else y.data
    last = as_tuple(last)
    weigh = torch.Generator().manual_seed(2)
    loss = sum(
        (part * torch.randn(part.shape, generator=weigh, dtype=part.dtype)).sum() for part in (y, *last)
    )
    loss.backward()
    grads = [x.grad, *(part.grad for part in first), *(weight.grad for weight in layer.parameters())]
    return [y.detach(), *(part.detach() for part in last), *grads]


def worst(found, expected):
    """The largest error of all tensors, each relative to its own largest entry."""
    assert len(found) == len(expected)
    assert [part.shape for part in found] == [part.shape for part in expected]
    return max(
        float((a - b).abs().max() / b.abs().max().clamp(min=1e-12))
        for a, b in zip(found, expected, strict=True)
    )


def weight_gradients(layer, loss_of):
    """The gradients of a layer's weights, of a loss made with it."""
    layer.zero_grad()
    loss_of(layer).backward()
    return [weight.grad for weight in layer.parameters()]
