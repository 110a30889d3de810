"""The recurrent layers in a PyTorch state_dict: which cell, how many, how wide."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from throughtime.errors import WeightsError
from throughtime.machine.arrays import Array

# nn.LSTM's names, and nn.LSTMCell's, which have no number. Nobody has 10,000 layers; Python reads no number without end.
_NAME = re.compile(
    r"(?P<place>.*?)(?P<what>(?:weight|bias)_(?:ih|hh|hr))(?:_l(?P<layer>\d{1,4}))?(?P<way>_reverse)?"
)
_CELLS = {4: "lstm", 3: "gru", 1: "rnn"}
WEIGHTS, BIASES = ("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")


@dataclass(frozen=True)
class RecurrentLayers:
    """What was found.

    Attributes
    ----------
    cell : "lstm", "gru" or "rnn"
        By the rows of weight_hh: 4, 3 or 1 times as many as its columns.
    input_size, hidden_size : int
    names : list of dict of str to str
        By layer the file's name of each of weight_ih, weight_hh, bias_ih, bias_hh that is there.
    notes : list of str
        What a user should know, a line each.
    """

    cell: str
    input_size: int
    hidden_size: int
    names: list[dict[str, str]]
    notes: list[str]


def find_recurrent(tensors: Mapping[str, Array]) -> RecurrentLayers:
    """Find the recurrent layers.

    They are one module of some layers, or modules that only a number tells apart (``cells.0.``, ``cells.1.``), one above
    the other.

    Raises
    ------
    WeightsError
        There are none; or they are bidirectional, projected, of several modules, or do not fit each other.
    """
    by_layer: dict[tuple[str, int], dict[str, str]] = {}
    for name in tensors:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        if match["way"]:
            raise WeightsError(
                f"{name} found, of a bidirectional network; expected one direction, as a language model has no future to read. "
                "Import one that reads forward."
            )
        if match["what"] == "weight_hr":
            raise WeightsError(
                f"{name} found, of an LSTM with proj_size; expected one without. Import one whose state is as wide as its output."
            )
        by_layer.setdefault((match["place"], int(match["layer"] or 0)), {})[match["what"]] = name
    if not by_layer:
        raise WeightsError(
            "no weight_ih_l0 found; expected the weights of nn.RNN, nn.LSTM or nn.GRU. Save the state_dict of a model that has one."
        )
    _require_one_stack([place for place, _ in by_layer])
    ordered = sorted(by_layer, key=lambda key: (_natural(key[0]), key[1]))
    _require_no_gap(ordered)
    names = [by_layer[key] for key in ordered]
    places = [f"{place}weight_ih" for place in dict.fromkeys(place for place, _ in ordered)]
    notes = []
    if len(places) > 1:
        notes.append(f"{', '.join(places)} are taken for layers, each reading the one named before it.")
    return _measured(tensors, names, notes)


def _natural(place: str) -> list[tuple[int, str]]:
    """Numbers in a name, so that 10 comes after 9."""
    return [(len(number), number) for number in re.findall(r"0*(\d+)", place)]


def _require_one_stack(places: list[str]) -> None:
    if len({re.sub(r"\d+", "", place) for place in places}) > 1:
        found = " and ".join(f"{place}weight_ih" for place in dict.fromkeys(places))
        raise WeightsError(
            f"{found} found, of several recurrent modules; expected one, or some that differ in a number alone. Take out of the "
            "file what the language model does not need."
        )


def _require_no_gap(layers: list[tuple[str, int]]) -> None:
    for place in {place: None for place, _ in layers}:
        found = [layer for each, layer in layers if each == place]
        if found != list(range(len(found))):
            raise WeightsError(
                f"{place}weight_ih found of the layers {', '.join(map(str, found))}; expected all from 0 on. Save the whole "
                "state_dict."
            )


def _measured(tensors: Mapping[str, Array], names: list[dict[str, str]], notes: list[str]) -> RecurrentLayers:
    """The layers with their sizes, if each has its weights, and these fit."""
    for k, layer in enumerate(names):
        for what in WEIGHTS:
            if what not in layer:
                raise WeightsError(
                    f"no {what} of layer {k} found; expected weight_ih and weight_hh of each. Save the whole state_dict."
                )
    first = names[0]
    weight_hh = tensors[first["weight_hh"]]
    H = weight_hh.shape[1] if weight_hh.ndim == 2 else 0
    gates, rest = divmod(weight_hh.shape[0], H) if H else (0, 0)
    if rest or gates not in _CELLS:
        raise WeightsError(
            f"{first['weight_hh']} has shape {weight_hh.shape}; expected (G*H, H) with G 4 for LSTM, 3 for GRU, 1 for RNN. "
            "Import one of these."
        )
    weight_ih = tensors[first["weight_ih"]]
    I = weight_ih.shape[1] if weight_ih.ndim == 2 else 0
    if I == 0:
        raise WeightsError(
            f"{first['weight_ih']} has shape {weight_ih.shape}; expected ({gates * H}, I) with I at least 1. Import a model that "
            "reads something."
        )
    for k, layer in enumerate(names):
        shapes = {
            "weight_ih": (gates * H, H if k else I),
            "weight_hh": (gates * H, H),
            **dict.fromkeys(BIASES, (gates * H,)),
        }
        for what, name in layer.items():
            if tensors[name].shape != shapes[what]:
                raise WeightsError(
                    f"{name} has shape {tensors[name].shape}; expected {shapes[what]}, as all layers are of one width. Import a "
                    "model whose layers are."
                )
    return RecurrentLayers(_CELLS[gates], I, H, names, notes)
