"""One of the ways to train that a comparison holds side by side."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from inspect import signature
from typing import Any

from throughtime.errors import ArgumentError
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.omega import check_omega
from throughtime.training.fit import fit
from throughtime.training.plan import Plan

# A directory is called after it, beside files whose names have a dot.
_NAME = re.compile(r"\w[\w+-]{0,39}")
# What must be one for all, or the variants would not have learned the same for as long.
ALIKE = ("by", "batch_size", "val_fraction", "seed", "epochs", "max_steps", "patience")

_PLANNED = {each.name for each in fields(Plan)}
_DEFAULTS = {name: p.default for name, p in signature(fit).parameters.items() if name in _PLANNED}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model and the way it is trained: plain data, fit to be sent to another process.

    Parameters
    ----------
    name : str
        Letters, digits, _, + and -: its directory's name, too.
    model : mapping
        Arguments of `LanguageModel`, but for `vocab_size`, which is the text's.
    training : mapping
        Arguments of `fit` that are settings of training; the others are as in `fit`.
    options : mapping
        What sets it apart, in the words of whoever made it; fit for JSON, and only kept.

    Raises
    ------
    ArgumentError
        The name is none, or an argument is unknown.

    Examples
    --------
    >>> import throughtime as tt
    >>> variant = Variant(name="clipped", model={"hidden_size": 64}, training={"clip": tt.ClipNorm(1.0)})
    >>> str(variant.plan.clip)
    'norm 1'
    """

    name: str
    model: Mapping[str, Any]
    training: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name(self.name)
        unknown = sorted(self.training.keys() - _DEFAULTS.keys())
        if unknown:
            raise ArgumentError(
                f"the training of variant {self.name} has {', '.join(unknown)}; expected settings of fit: "
                f"{', '.join(_DEFAULTS)}. Leave out the others."
            )

    @property
    def arguments(self) -> dict[str, Any]:
        """The settings of training for `fit`; the optimiser is new each time, as it has a memory."""
        return deepcopy({**_DEFAULTS, **self.training})

    @property
    def plan(self) -> Plan:
        """How it is trained, with nothing left open."""
        return Plan.of(**self.arguments)

    def make_model(self, vocab_size: int) -> LanguageModel:
        """The model before its first update."""
        return LanguageModel(vocab_size, **self.model)

    def settings(self, vocab_size: int) -> dict[str, Any]:
        """Everything that its numbers depend on but the text, fit for JSON.

        Raises
        ------
        ArgumentError
            A setting is bad, or two contradict each other.
        """
        model, plan = self.make_model(vocab_size), self.plan
        check_omega(plan.omega, model.layers.cell, plan.within_update)
        return {"model": model.settings, "training": plan.record()}


def require_name(name: str) -> None:
    """Raise ArgumentError if a variant cannot be called so."""
    if not _NAME.fullmatch(name):
        raise ArgumentError(
            f"the variant name {name!r} found; expected up to 40 letters, digits, _, + and -, as a directory is called "
            "after it. Choose one such as lstm-clipped."
        )


def require_comparable(variants: Sequence[Variant]) -> None:
    """Raise ArgumentError unless the variants can stand beside each other: names of their own, one text, one budget."""
    if not variants:
        raise ArgumentError("no variant found; expected at least one to train. Pass some.")
    taken: set[str] = set()
    for variant in variants:
        if variant.name.casefold() in taken:
            raise ArgumentError(
                f"the variant name {variant.name} found twice; expected names that differ in more than case, as a "
                "directory is called after each. Rename one."
            )
        taken.add(variant.name.casefold())
    first, plan = variants[0], variants[0].plan
    for variant in variants[1:]:
        for setting in ALIKE:
            one, other = getattr(plan, setting), getattr(variant.plan, setting)
            if one != other:
                raise ArgumentError(
                    f"{setting} {one!r} found in {first.name}, and {other!r} in {variant.name}; expected one for all, so "
                    "that all learn from the same for as long. Set them equal."
                )
    _require_one_pace(variants)


def _require_one_pace(variants: Sequence[Variant]) -> None:
    """Raise ArgumentError unless an update takes equally many new steps of the text in all."""
    names: dict[int | None, list[str]] = {}
    for variant in variants:
        names.setdefault(variant.plan.seq_len, []).append(variant.name)
    if len(names) > 1:
        listed = ", ".join(f"{steps} in {' and '.join(each)}" for steps, each in names.items())
        raise ArgumentError(
            f"new steps per update: {listed}; expected one number for all, so that as many updates read as much text. Set "
            "seq_len, or the K1 of chunk:K1,K2, equal; window:K alone looks less far back."
        )
