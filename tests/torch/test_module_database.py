"""Every sample of RNN, GRU and LSTM in PyTorch's own module database, with our classes in place of its own.

The checks are those that PyTorch's suite makes of each sample.
"""

import copy
import pickle
import warnings

import pytest
from tests.conftest import require_torch

torch = require_torch()

from tests.torch.pairs import worst  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402

common_modules = pytest.importorskip(
    "torch.testing._internal.common_modules", reason="needs expecttest", exc_type=ImportError
)
INFOS = {info.name: info for info in common_modules.module_db if info.name in ("nn.RNN", "nn.GRU", "nn.LSTM")}
OURS = {"nn.RNN": tt_torch.RNN, "nn.GRU": tt_torch.GRU, "nn.LSTM": tt_torch.LSTM}


def samples(name, dtype, training):
    info = INFOS[name]
    given = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": training}
    found = info.module_inputs_func(info, **given)
    if name != "nn.LSTM":  # whose samples have no packed ones
        found += info.module_inputs_func(info, with_packed_sequence=True, **given)
    return found


def modules(name, sample, dtype, training):
    """PyTorch's module and ours with the same weights."""
    arguments, named = sample.constructor_input.args, sample.constructor_input.kwargs
    torch.manual_seed(0)
    theirs = INFOS[name].module_cls(*arguments, **named, device="cpu", dtype=dtype).train(training)
    torch.manual_seed(0)
    ours = OURS[name](*arguments, **named, device="cpu", dtype=dtype).train(training)
    return theirs, ours


def flat(output):
    """The tensors of what a module returns."""
    if isinstance(output, torch.nn.utils.rnn.PackedSequence):
        return [output.data]
    if isinstance(output, torch.Tensor):
        return [output]
    return [tensor for part in output for tensor in flat(part)]


def each(name, dtype, training):
    found = samples(name, dtype, training)
    assert found
    for sample in found:
        yield sample, *modules(name, sample, dtype, training)


@pytest.fixture(autouse=True)
def quiet():
    """That proj_size and gradients of gradients are PyTorch's own is said elsewhere."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="throughtime.torch leaves a call to PyTorch's own code")
        warnings.filterwarnings("ignore", message="LSTM with projections is not supported with oneDNN")
        yield


@pytest.mark.usefixtures("by_sweeps")
@pytest.mark.parametrize("name", INFOS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_forward(name, training, dtype):
    for sample, theirs, ours in each(name, dtype, training):
        arguments, named = sample.forward_input.args, sample.forward_input.kwargs
        output = ours(*arguments, **named)
        torch.testing.assert_close(flat(output), flat(theirs(*arguments, **named)))
        if sample.reference_fn is not None and not isinstance(
            arguments[0], torch.nn.utils.rnn.PackedSequence
        ):
            expected = sample.reference_fn(ours, *arguments, **named)
            torch.testing.assert_close(flat(output), flat(expected))


def as_function(sample, module):
    """The module as a function of tensors, and these: its input, states and weights."""
    given, *rest = sample.forward_input.args
    packed = isinstance(given, torch.nn.utils.rnn.PackedSequence)
    leaf = given.data.detach().requires_grad_() if packed else given
    states = [state for part in rest for state in (part if isinstance(part, tuple) else (part,))]

    def forward(leaf, *_):
        return tuple(flat(module(given._replace(data=leaf) if packed else leaf, *rest)))

    return forward, (leaf, *states, *module.parameters())


@pytest.mark.usefixtures("by_sweeps")
@pytest.mark.parametrize("name", INFOS)
def test_gradients(name):
    for sample, _, ours in each(name, torch.float64, training=True):
        assert torch.autograd.gradcheck(*as_function(sample, ours), fast_mode=True)


@pytest.mark.usefixtures("by_sweeps")
@pytest.mark.parametrize("name", INFOS)
def test_gradients_of_gradients(name):
    """By finite differences of one sample, and of all others against PyTorch's module."""
    for n, (sample, theirs, ours) in enumerate(each(name, torch.float64, training=True)):
        if n == 1:
            assert torch.autograd.gradgradcheck(*as_function(sample, ours), fast_mode=True)
        found, expected = (second_order(*as_function(sample, module)) for module in (ours, theirs))
        assert worst(found, expected) < 1e-10


def second_order(function, tensors):
    """The gradient of the norm of a gradient."""
    loss = sum(output.square().sum() for output in function(*tensors))
    first = torch.autograd.grad(loss, tensors, create_graph=True)
    return torch.autograd.grad(sum(grad.square().sum() for grad in first), tensors)


@pytest.mark.usefixtures("by_sweeps")
@pytest.mark.parametrize("name", INFOS)
def test_input_that_is_not_contiguous(name):
    for sample, _, ours in each(name, torch.float64, training=True):
        given, *rest = sample.forward_input.args
        if isinstance(given, torch.nn.utils.rnn.PackedSequence):
            continue
        spread = torch.stack([given, given], dim=-1)[..., 0].detach().requires_grad_()
        spread = torch.stack([spread, spread], dim=-1).select(-1, 0)
        assert not spread.is_contiguous()
        outputs = []
        for x in (given, spread):
            ours.zero_grad()
            output = flat(ours(x, *rest))
            sum(part.sum() for part in output).backward(retain_graph=True)
            outputs.append([*output, *(weight.grad.clone() for weight in ours.parameters())])
        torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-13, atol=1e-13)


@pytest.mark.usefixtures("by_sweeps")
@pytest.mark.parametrize("name", INFOS)
def test_copying_and_saving(name, tmp_path):
    for sample, theirs, ours in each(name, torch.float64, training=False):
        assert repr(ours) == repr(theirs)
        arguments = sample.forward_input.args
        expected = flat(ours(*arguments))
        torch.save(ours.state_dict(), tmp_path / "weights.pt")
        loaded = copy.deepcopy(ours)
        with torch.no_grad():
            for weight in loaded.parameters():
                weight.zero_()
        loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        for other in (loaded, pickle.loads(pickle.dumps(ours))):
            for a, b in zip(flat(other(*arguments)), expected, strict=True):
                assert torch.equal(a, b)


@pytest.mark.parametrize("name", INFOS)
def test_wrong_input_of_the_database_is_refused(name):
    info = INFOS[name]
    found = info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=False, training=True
    )
    for error in found:
        sample = error.module_error_input
        arguments, named = sample.constructor_input.args, sample.constructor_input.kwargs
        if error.error_on is common_modules.ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(error.error_type, match=error.error_regex):
                OURS[name](*arguments, **named)
        else:
            ours = OURS[name](*arguments, **{"dtype": torch.float64, **named})
            with pytest.raises(error.error_type, match=error.error_regex):
                ours(*sample.forward_input.args, **sample.forward_input.kwargs)
