"""Recurrent layers inside a PyTorch model, handed over to the sweeps where they are."""

from dataclasses import dataclass, field

from torch import nn

from throughtime.errors import ArgumentError
from throughtime.torch.layers.modules import GRU, LSTM, RNN
from throughtime.torch.layers.own_code import reason_of_layer

_OURS: dict[type[nn.RNNBase], type[nn.RNNBase]] = {nn.RNN: RNN, nn.GRU: GRU, nn.LSTM: LSTM}


@dataclass
class Accelerated:
    """What `accelerate` did; printed, it is one line for each layer.

    Attributes
    ----------
    swapped : dict of str to str
        By the name of a layer in the model, "" for the model itself, what it is: "GRU(8, 32)".
    left : dict of str to str
        By the name of a layer that stayed as it was, why.
    """

    swapped: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{_called(name)} {layer}: computed by throughtime" for name, layer in self.swapped.items()]
        lines += [f"{_called(name)} left alone: {reason}" for name, reason in self.left.items()]
        return "\n".join(lines) or "no nn.RNN, nn.GRU or nn.LSTM found"


def accelerate(module: nn.Module) -> Accelerated:
    """Let throughtime compute the nn.RNN, nn.GRU and nn.LSTM layers inside a model.

    The layers stay the same objects, with their parameters, hooks and state: an optimizer made before goes on with them.
    Only their class becomes that of `throughtime.torch`.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place; it may be such a layer itself.

    Returns
    -------
    Accelerated

    Raises
    ------
    ArgumentError
        It is no module.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.ModuleDict({"encoder": nn.GRU(8, 32), "decoder": nn.LSTM(8, 32, proj_size=4)})
    >>> print(accelerate(model))
    'encoder' GRU(8, 32): computed by throughtime
    'decoder' left alone: proj_size is set
    >>> isinstance(model["encoder"], GRU)
    True
    """
    if not isinstance(module, nn.Module):
        raise ArgumentError(
            f"a {type(module).__name__} found; expected a torch.nn.Module. Pass the model that holds the layers."
        )
    done = Accelerated()
    for name, layer in module.named_modules():
        if not isinstance(layer, nn.RNNBase) or isinstance(layer, (*_OURS.values(),)):
            continue
        reason = _reason_to_leave(layer)
        if reason is None:
            layer.__class__ = _OURS[type(layer)]
            done.swapped[name] = repr(layer)
        else:
            done.left[name] = reason
    return done


def restore(module: nn.Module) -> list[str]:
    """Give the layers of `throughtime.torch` inside a model back to PyTorch's own code; the inverse of `accelerate`.

    For what looks at a layer's class and not at what it computes: torch.jit.script, torch.fx, strict torch.export,
    quantisation, and saving a whole module for a place without throughtime.

    Returns
    -------
    list of str
        The names of the layers that were given back.

    Examples
    --------
    >>> model = nn.Sequential(GRU(8, 32))
    >>> restore(model), type(model[0])
    (['0'], <class 'torch.nn.modules.rnn.GRU'>)
    """
    theirs = {ours: own for own, ours in _OURS.items()}
    given_back = []
    for name, layer in module.named_modules():
        if type(layer) in theirs:
            layer.__class__ = theirs[type(layer)]
            given_back.append(name)
    return given_back


def _called(name: str) -> str:
    return repr(name) if name else "the model itself"


def _reason_to_leave(layer: nn.RNNBase) -> str | None:
    if type(layer) not in _OURS:
        return f"{type(layer).__name__} is a class of its own, which may compute otherwise"
    if "forward" in vars(layer):
        return "its forward has been replaced"
    return reason_of_layer(layer)
