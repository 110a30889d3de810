"""Remedies as code that a PyTorch user types."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from throughtime.flow.findings.command import Changes
from throughtime.initial.grammar import parse_initialisation

_MODULES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
_STARTS = {
    "orthogonal": "nn.init.orthogonal_({weight})",
    "identity": "nn.init.eye_({weight})",
}
_GATES = {"i": 0, "f": 1, "r": 0, "z": 1}


@dataclass(frozen=True)
class InPyTorch:
    """The language of PyTorch's users; see `throughtime.flow.spelling.Spelling`.

    Attributes
    ----------
    layer : str
        The measured one, as Python code has it: `model.encoder`.
    is_cell : bool
        Whether it is one of PyTorch's cells.
    """

    layer: str
    is_cell: bool = False

    @property
    def in_float64(self) -> str:
        """See `Spelling`."""
        return "with model.double() and inputs of the same type"

    @property
    def finds_not_a_number(self) -> str:
        """See `Spelling`."""
        return (
            "Look at these with torch.isfinite; where all are finite, torch.autograd.detect_anomaly() tells which operation's "
            "gradient is not."
        )

    def code(self, network: Changes, changes: Changes) -> str | None:
        """Statements that make the layer anew, start its weights, and clip."""
        told = [*self._layer(network, changes), *self._start({**network, **changes}, changes.get("init"))]
        if "clip-norm" in changes:
            told.append(f"nn.utils.clip_grad_norm_(model.parameters(), {float(changes['clip-norm'])})")
        return "; ".join(told) or None

    def _layer(self, network: Changes, changes: Changes) -> Iterator[str]:
        if not {"cell", "nonlinearity"} & changes.keys():
            return
        new = {**network, **changes}
        settings = [f"hidden_size={new['hidden-size']}"]
        if new["num-layers"] > 1:
            settings.append(f"num_layers={new['num-layers']}")
        if new.get("nonlinearity"):
            settings.append(f"nonlinearity={new['nonlinearity']!r}")
        kind = _MODULES[new["cell"]] + ("Cell" if self.is_cell else "")
        yield f"{self.layer} = nn.{kind}(..., {', '.join(settings)})"

    def _start(self, network: Changes, init: Any) -> Iterator[str]:
        if init is None:
            return
        if init == "default":
            yield f"{self.layer}.reset_parameters()"
            return
        H = network["hidden-size"]
        for item in parse_initialisation(init).items:
            for k in range(network["num-layers"]):
                ending = "" if self.is_cell else f"_l{k}"
                kind, _, gate = item.target.partition("_")
                if kind == "bias":
                    rows = f"[{_GATES[gate] * H}:{(_GATES[gate] + 1) * H}]" if gate else ""
                    # The two halves add up.
                    for half, value in (("ih", item.number), ("hh", 0)):
                        yield f"{self.layer}.bias_{half}{ending}.data{rows}.fill_({value:g})"
                else:
                    weight = f"{self.layer}.{item.target}{ending}"
                    yield _STARTS[item.start].format(weight=weight)
