"""One forward pass of a module, with all calls of one of its parts recorded, and cut apart for gradients.

Between two calls the gradient is cut: the rest of the module sees copies of what a call gave. So the loss's gradient with
respect to these copies is what each call's own output does to the loss, and nothing of what later calls do. What links
one call to the one before it is kept, so that a gradient can be taken over it, call by call.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from throughtime.errors import ArgumentError
from throughtime.torch.diagnosis.parts import Part


@dataclass
class Argument:
    """A tensor of numbers that a call was given.

    Attributes
    ----------
    given : Tensor
        As it came.
    leaf : Tensor
        Of which the call worked with a copy.
    sources : set of (int, int)
        The call, and the place among its results, of all recorded results that `given` was computed from.
    """

    given: Tensor
    leaf: Tensor
    sources: set[tuple[int, int]]


@dataclass
class Call:
    """One call; results are its tensors of numbers, in their order.

    Attributes
    ----------
    args, kwargs
        As the call was given them.
    differentiable : bool
        Whether the module had gradients on.
    returned : Any
        What it returned, of which `made` are the tensors.
    arguments : list of Argument
    made : list of Tensor
    leaves : list of Tensor
        Cut off, where the gradient of what follows arrives.
    shown : list of Tensor
        Copies of these, which the rest of the module has seen.
    hidden : bool
        Whether it used recorded tensors that were not among its arguments.
    direct : list of (Tensor or None)
        The loss's gradient with respect to `leaves`.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    differentiable: bool
    returned: Any = None
    arguments: list[Argument] = field(default_factory=list)
    made: list[Tensor] = field(default_factory=list)
    leaves: list[Tensor] = field(default_factory=list)
    shown: list[Tensor] = field(default_factory=list)
    hidden: bool = False
    direct: list[Tensor | None] = field(default_factory=list)


def record(module: nn.Module, inputs: Any, loss: Callable[[Any], Tensor], part: Part) -> list[Call]:
    """Run the module and the loss once, and leave both as they were.

    Parameters
    ----------
    module, inputs, loss : as `throughtime.torch.diagnose` has them
    part : Part

    Raises
    ------
    ArgumentError
        The part was never called, or never with gradients on, or the loss does not depend on it.
    """
    with _untouched(module), torch.enable_grad():
        recorder = _Recorder(getattr(part.owner, part.attribute))
        part.owner.__dict__[part.attribute] = recorder
        value = loss(_run(module, inputs))
        calls = recorder.calls
        if not calls:
            raise ArgumentError(
                f"{part} was not called; expected it to run with these inputs. Name a part that the module's forward calls."
            )
        if not any(call.differentiable for call in calls):
            raise ArgumentError(
                f"{part} was called with gradients off; expected them on, or the loss says nothing of it. Look for no_grad(), "
                "inference_mode() or a checkpoint with use_reentrant=True around it in the module."
            )
        if not isinstance(value, Tensor):
            raise ArgumentError(
                f"the loss returned a {type(value).__name__}; expected a tensor, one number or one for each step. Return "
                "the loss itself, without item()."
            )
        leaves = [leaf for call in calls for leaf in call.leaves]
        found: Any = [None] * len(leaves)
        if value.requires_grad:
            found = torch.autograd.grad(value.sum(), leaves, allow_unused=True, retain_graph=True)
    if all(gradient is None for gradient in found):
        raise ArgumentError(
            f"the loss does not depend on what {part} gives; expected a gradient there. Look for detach(), no_grad() or "
            "inference_mode() around what lies between, or for another part there."
        )
    gradients = iter(found)
    for call in calls:
        call.direct = [next(gradients) for _ in call.leaves]
    return calls


def _run(module: nn.Module, inputs: Any) -> Any:
    # A tensor made in inference mode takes no part in gradients, but a copy of it does.
    inputs = map_tensors(inputs, lambda tensor: tensor.clone() if tensor.is_inference() else tensor)
    if isinstance(inputs, tuple) and not isinstance(inputs, PackedSequence):
        return module(*inputs)
    return module(**inputs) if isinstance(inputs, Mapping) else module(inputs)


class _Recorder:
    """Stands in for a function, and keeps its calls."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original
        self.calls: list[Call] = []
        self._places: dict[int, tuple[int, int]] = {}  # of results' leaves
        self._taken: dict[int, int] = {}  # the calls of arguments' leaves
        self._barren: set[Any] = set()  # nodes that lead to no leaf; many calls' inputs may come from them

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        k = len(self.calls)
        call = Call(args, kwargs, torch.is_grad_enabled())
        self.calls.append(call)
        args, kwargs = map_tensors((args, kwargs), lambda tensor: self._taken_by(call, k, tensor))
        call.returned = self.original(*args, **kwargs)
        shown = map_tensors(call.returned, lambda tensor: self._shown_by(call, k, tensor))
        places, taken = self._reached(call.made)
        call.hidden = bool(places or taken - {k})
        self._places |= {id(leaf): (k, q) for q, leaf in enumerate(call.leaves)}
        return shown

    def _taken_by(self, call: Call, k: int, tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        leaf = tensor.detach().requires_grad_()
        self._taken[id(leaf)] = k
        call.arguments.append(Argument(tensor, leaf, self._reached([tensor])[0]))
        return leaf.clone()  # the call may write into it

    def _shown_by(self, call: Call, k: int, tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        leaf = tensor.detach().requires_grad_()
        # The rest of the module may write into it; and where the module has turned gradients off, none comes through it.
        shown = leaf.clone()
        call.made.append(tensor)
        call.leaves.append(leaf)
        call.shown.append(shown)
        return shown

    def _reached(self, tensors: list[Tensor]) -> tuple[set[tuple[int, int]], set[int]]:
        """The recorded results that tensors were computed from, and the calls whose arguments they were."""
        places, taken, seen = set(), set(), set()
        nodes = [tensor.grad_fn for tensor in tensors]
        while nodes:
            node = nodes.pop()
            if node is None or node in seen or node in self._barren:
                continue
            seen.add(node)
            leaf = id(getattr(node, "variable", None))
            if leaf in self._places:
                places.add(self._places[leaf])
            elif leaf in self._taken:
                taken.add(self._taken[leaf])
            nodes += [following for following, _ in node.next_functions]
        if not places and not taken:
            self._barren |= seen
        return places, taken


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same value with its tensors changed, wherever they are in tuples, lists and mappings."""
    match value:
        case Tensor():
            return change(value)
        case PackedSequence():
            return value._replace(data=map_tensors(value.data, change))
        case tuple() if hasattr(value, "_fields"):
            return type(value)(*(map_tensors(each, change) for each in value))
        case tuple() | list():
            return type(value)(map_tensors(each, change) for each in value)
        case dict():
            return {key: map_tensors(each, change) for key, each in value.items()}
    return value


@contextmanager
def _untouched(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for the block; then attributes, modes, and random numbers are as they were.

    Attributes' values are, too, where they are tensors, lists, dictionaries and the like, buffers included; but not what lies
    deeper in them.
    """
    attributes = [(part, dict(part.__dict__)) for part in module.modules()]
    held = [value for _, kept in attributes for value in kept.values()]
    containers = [(each, copy(each)) for each in held if isinstance(each, list | deque | dict | set)]
    tensors = [each for each in [*held, *module.buffers()] if isinstance(each, Tensor)]
    values = [(tensor, tensor.detach().clone()) for tensor in tensors]
    try:
        with torch.random.fork_rng(devices=[]):
            module.eval()
            yield
    finally:
        for part, kept in attributes:
            part.__dict__.clear()
            part.__dict__.update(kept)
        for container, content in containers:
            container.clear()
            (container.update if isinstance(container, dict | set) else container.extend)(content)
        with torch.no_grad():
            for tensor, value in values:
                if not torch.equal(tensor, value):
                    tensor.copy_(value)
