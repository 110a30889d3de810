"""A training run: the model, its tokenizer, its settings and its course, in memory and on disk."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from throughtime.cells.cell import Cell
from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import DamagedError, InputError, RunError
from throughtime.networks.language_model import LanguageModel
from throughtime.storage import open_sealed
from throughtime.training.directory import CONFIG, FLOW, METRICS, TOKENIZER, WEIGHTS, load_config
from throughtime.training.evaluate import By
from throughtime.training.events import Finished, Record
from throughtime.training.metrics import read_metrics
from throughtime.training.weights import put_weights, read_weights

_ITEMSIZE = 4  # bytes of a parameter, or more


@dataclass(eq=False)
class Run:
    """What `fit` returns and `load` reads back.

    Attributes
    ----------
    path : Path or None
        The run directory; None if nothing was written.
    config : dict
        Every setting, as in config.json. Of a run that was imported `training`, `corpus` and `machine` are None.
    model : LanguageModel
        With the weights of the best evaluation; without a validation text, with the last ones.
    tokenizer : Tokenizer or None
        None if the model was trained on bare token ids.
    finished : Finished or None
        The final numbers; None in a run that was loaded.
    """

    path: Path | None
    config: dict[str, Any] = field(repr=False)
    model: LanguageModel = field(repr=False)
    tokenizer: Tokenizer | None
    finished: Finished | None = None
    _history: list[Record] | None = field(default=None, repr=False)
    _flow_history: list[Record] | None = field(default=None, repr=False)

    @property
    def by(self) -> By:
        """How the text was read: "stream" or "sentence"."""
        training = self.config["training"]
        return "stream" if training is None else cast(By, training["by"])

    @property
    def history(self) -> list[Record]:
        """The records of metrics.jsonl: a step has `loss`, an evaluation `val_loss`, the end `finished`."""
        if self._history is None:
            self._history = [] if self.path is None else read_metrics(self.path / METRICS)
        return self._history

    @property
    def flow_history(self) -> list[Record]:
        """The records of flow.jsonl, one for each probe: its `step`, and what `GradientFlow.record` tells.

        Empty where there is no such file: a run can do without.
        """
        if self._flow_history is None:
            file = None if self.path is None else self.path / FLOW
            self._flow_history = [] if file is None or not file.exists() else read_metrics(file)
        return self._flow_history

    @property
    def kept_step(self) -> int | None:
        """The update after which the weights were as they are; None where that is not known."""
        if self.finished is not None:
            return self.finished.best_step
        if self.path is None:
            return None
        try:
            _, about = open_sealed(self.path / WEIGHTS)
        except (OSError, DamagedError):
            return None
        step = about.get("step") if isinstance(about, dict) else None
        return step if isinstance(step, int) else None

    def require_tokenizer(self) -> Tokenizer:
        """The tokenizer, or a RunError if the run has none."""
        if self.tokenizer is None:
            raise RunError(
                f"{self.path} was trained on bare token ids; expected a run with a tokenizer. "
                "Use it from Python, or train on text."
            )
        return self.tokenizer


def load(path: str | os.PathLike[str], cell: Cell | None = None) -> Run:
    """Read a run directory.

    Parameters
    ----------
    path : path
        As `fit` or `throughtime train` wrote it.
    cell : Cell, optional
        The cell that the model was made with, if it was a user's own: a run holds no code.

    Raises
    ------
    RunError
        The directory is missing, is no run, lacks its model, or one of its files is damaged or fits the others not.
    """
    path = Path(path)
    config = load_config(path)
    arrays = read_weights(path / WEIGHTS, config["model"])
    model = model_of(path, config, cell)
    put_weights(path / WEIGHTS, arrays, model)
    tokenizer = None
    if config["tokenizer"] is not None:
        tokenizer = Tokenizer.load(path / TOKENIZER)
        if tokenizer.vocab_size != model.vocab_size:
            raise RunError(
                f"{path / TOKENIZER} has {tokenizer.vocab_size} tokens; expected {model.vocab_size}, the model's "
                "vocab_size. Put back the tokenizer.json that was written beside the model."
            )
    return Run(path, config, model, tokenizer)


def model_of(path: Path, config: dict[str, Any], cell: Cell | None) -> LanguageModel:
    """The model that a run's settings describe, as it was before its first update.

    Raises
    ------
    RunError
        No such model can be made.
    """
    settings = dict(config["model"])
    _require_plausible(path, settings)
    if cell is not None:
        settings["cell"] = cell
    try:
        return LanguageModel(**settings, seed=0)
    except (InputError, ValueError, OverflowError, MemoryError) as error:
        raise _impossible(path, " ".join(str(error).split())) from None


def _require_plausible(path: Path, settings: dict[str, Any]) -> None:
    """Raise RunError if a model has more parameters than any file of its run has room for.

    So much memory is never asked for because of a number in config.json.
    """
    V, H, E = settings["vocab_size"], settings["hidden_size"], settings["embedding_size"]
    least = H * (settings["num_layers"] * H + V) + (0 if E is None or settings["tied"] else E * V)
    room = max((file.stat().st_size for file in path.rglob("*.safetensors") if file.is_file()), default=0)
    if least * _ITEMSIZE > room:
        raise _impossible(path, f"with more parameters than its largest file of {room:,} bytes can hold")


def _impossible(path: Path, reason: str) -> RunError:
    return RunError(
        f"{path / CONFIG} describes no model that can be made ({reason}); expected a model's settings. "
        "If its cell is your own, pass load(path, cell=...)."
    )
