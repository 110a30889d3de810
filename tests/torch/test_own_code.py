"""What is left to PyTorch's own code, and that it is said once."""

import pytest
from tests.conftest import require_torch

torch = require_torch()

from tests.torch.pairs import make_pair, worst  # noqa: E402
from torch import nn  # noqa: E402
from torch.autograd import forward_ad  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402
from throughtime.torch.layers import own_code, sweep  # noqa: E402

PAYS = own_code._pays


@pytest.fixture
def no_sweep(monkeypatch):
    monkeypatch.setattr(sweep, "forward", lambda *given, **named: pytest.fail("a sweep was made"))


@pytest.mark.parametrize("steps", [1, 50])
@pytest.mark.parametrize("pays", [True, False])
def test_projection_is_pytorchs_and_said_once(steps, pays, monkeypatch, said, no_sweep):
    """Also where PyTorch is the faster one, and would compute the call anyway."""
    if not pays:
        monkeypatch.setattr(own_code, "_pays", PAYS)
    theirs, ours = make_pair("lstm", 3, 6, proj_size=2, dtype=torch.float32)
    x = torch.randn(steps, 2, 3)
    for _ in range(2):
        assert torch.equal(ours(x)[0], theirs(x)[0])
    (line,) = (line for line in said() if line.startswith("throughtime"))
    assert line.startswith("throughtime.torch leaves a call to PyTorch's own code: proj_size is set.")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_types_are_pytorchs(dtype, said, no_sweep):
    theirs, ours = make_pair("gru", 3, 6, dtype=dtype)
    x = torch.randn(5, 2, 3, dtype=dtype)
    for _ in range(2):
        assert torch.equal(ours(x)[0], theirs(x)[0])
    (line,) = said()
    assert f"its type is {dtype}" in line


def test_warning_points_at_the_line_of_the_caller():
    own_code.say.cache_clear()
    layer = tt_torch.GRU(3, 6, dtype=torch.bfloat16)
    with pytest.warns(UserWarning, match="leaves a call") as caught:
        nn.Sequential(layer)(torch.randn(9, 2, 3, dtype=torch.bfloat16))
    assert caught[0].filename == __file__


def test_autocast_is_pytorchs(said, no_sweep):
    theirs, ours = make_pair("gru", 3, 6, dtype=torch.float32)
    x = torch.randn(5, 2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(x)[0], theirs(x)[0])
    assert "autocast" in said()[0]


def test_tensor_elsewhere_is_pytorchs(said, no_sweep):
    ours = tt_torch.GRU(3, 6, device="meta")
    assert ours(torch.randn(5, 2, 3, device="meta"))[0].shape == (5, 2, 6)
    assert "a tensor lies on meta" in said()[0]


def test_tensor_of_a_class_of_its_own_is_pytorchs(said, no_sweep):
    class Traced(torch.Tensor):
        pass

    theirs, ours = make_pair("gru", 3, 6)
    x = torch.randn(5, 2, 3, dtype=torch.float64).as_subclass(Traced)
    assert isinstance(ours(x)[0], Traced)
    assert torch.equal(ours(x)[0].as_subclass(torch.Tensor), theirs(x)[0].as_subclass(torch.Tensor))
    assert "a Traced is no plain tensor" in said()[0]


def test_transforms_of_torch_func_are_pytorchs(said, no_sweep):
    theirs, ours = make_pair("gru", 3, 6)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    for _ in range(2):
        found, expected = (
            torch.func.grad(lambda x, layer=layer: layer(x)[0].square().sum())(x) for layer in (ours, theirs)
        )
        assert worst([found], [expected]) < 1e-12
    assert sum("torch.func transforms it" in line for line in said()) == 1


def test_forward_mode_is_pytorchs(said, no_sweep):
    theirs, ours = make_pair("gru", 3, 6)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    tangents = []
    for layer in (ours, theirs):
        with forward_ad.dual_level():
            y, _ = layer(forward_ad.make_dual(x, torch.ones_like(x)))
            tangents.append(forward_ad.unpack_dual(y).tangent)
    assert worst(tangents[:1], tangents[1:]) < 1e-12
    assert any("differentiated forwards" in line for line in said())


def test_gradient_of_a_gradient_is_pytorchs(said):
    theirs, ours = make_pair("lstm", 3, 4, 2, dropout=0.5)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    found = []
    for layer in (ours, theirs):
        torch.manual_seed(3)
        y, _ = layer(x)
        torch.randn(7)  # the generator has moved on before the way back
        (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append([dx.detach(), *torch.autograd.grad(dx.square().sum(), (x, *layer.parameters()))])
    assert worst(*found) < 1e-12
    (line,) = said()
    assert "a gradient of a gradient" in line


def test_gradient_of_a_gradient_tells_apart_tensors_that_were_made_of_each_other(said):
    theirs, ours = make_pair("gru", 3, 3)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    found = []
    for layer in (ours, theirs):
        y, _ = layer(x, x.mean(0, keepdim=True))
        (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append([dx.detach(), *torch.autograd.grad(dx.square().sum(), x)])
    assert worst(*found) < 1e-12


def test_many_gradients_at_once_are_pytorchs(said):
    theirs, ours = make_pair("gru", 3, 4)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    found = []
    for layer in (ours, theirs):
        y, _ = layer(x)
        each = torch.eye(y.numel(), dtype=torch.float64).reshape(-1, *y.shape)
        found.append(torch.autograd.grad(y, x, each, is_grads_batched=True))
    assert worst(*found) < 1e-12


def test_few_steps_are_pytorchs_and_nothing_is_said(monkeypatch, said, sweeps):
    monkeypatch.setattr(own_code, "_pays", PAYS)
    for kind, (kept, not_kept) in own_code.FEWEST_STEPS.items():
        theirs, ours = make_pair(kind, 3, 4)
        for steps, swept, grad in [
            (kept, True, True),
            (kept - 1, False, True),
            (not_kept, True, False),
            (not_kept - 1, False, False),
        ]:
            sweeps.clear()
            x = torch.randn(steps, 2, 3, dtype=torch.float64)
            with torch.set_grad_enabled(grad):
                y, _ = ours(x)
            assert bool(sweeps) == swept, (kind, steps, grad)
            assert swept or torch.equal(y, theirs(x)[0])
    assert said() == []


def test_lstm_that_is_narrow_or_has_no_way_back_is_pytorchs(monkeypatch, sweeps):
    monkeypatch.setattr(own_code, "_pays", PAYS)
    _, lstm = make_pair("lstm", 3, 32, dtype=torch.float32)
    with torch.no_grad():
        lstm(torch.randn(50, 16, 3))
    lstm(torch.randn(50, 15, 3))
    assert not sweeps
    lstm(torch.randn(50, 16, 3))
    assert sweeps


def test_packed_batch_that_is_mostly_padding_is_pytorchs(monkeypatch, sweeps):
    monkeypatch.setattr(own_code, "_pays", PAYS)
    _, gru = make_pair("gru", 3, 4)
    for short, swept in ((3, False), (30, True)):
        sweeps.clear()
        sequences = [torch.randn(length, 3, dtype=torch.float64) for length in (100, *[short] * 7)]
        gru(nn.utils.rnn.pack_sequence(sequences))
        assert bool(sweeps) == swept


def test_tracing_is_pytorchs():
    theirs, ours = make_pair("gru", 3, 4)
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    with pytest.warns():  # of PyTorch, that tracing is old
        traced = torch.jit.trace(ours, x)
    assert "aten::gru" in str(traced.inlined_graph)
    assert torch.equal(traced(x)[0], theirs(x)[0])


@pytest.mark.parametrize("kind", ["rnn_tanh", "gru", "lstm"])
def test_compiled_model_has_the_same_gradients(kind, sweeps):
    torch._dynamo.reset()
    grads = []
    theirs, ours = make_pair(kind, 3, 4)
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    for layer in (theirs, ours):
        torch.manual_seed(1)
        head = nn.Linear(4, 2, dtype=torch.float64)
        model = lambda x, layer=layer, head=head: head(layer(x)[0].tanh())  # noqa: E731
        run = torch.compile(model, backend="aot_eager") if layer is ours else model
        run(x).square().sum().backward()
        grads.append([weight.grad for weight in (*layer.parameters(), *head.parameters())])
    assert worst(grads[1], grads[0]) < 1e-12
    assert sweeps
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore")  # PyTorch's, of itself
def test_compiled_autograd_leaves_the_way_back_out():
    torch._dynamo.reset()
    theirs, ours = make_pair("gru", 3, 4)
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    for layer in (theirs, ours):
        with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager")):
            layer(x)[0].square().sum().backward()
    grads = [[weight.grad for weight in layer.parameters()] for layer in (ours, theirs)]
    assert worst(*grads) < 1e-12
    torch._dynamo.reset()
