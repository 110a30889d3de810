"""The weights that a run keeps: those of its best evaluation."""

from pathlib import Path

from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.storage import save_sealed
from throughtime.training.directory import WEIGHTS
from throughtime.training.evaluate import Evaluation


class Kept:
    """The weights to keep: a copy in memory, and on disk if there is a directory.

    Attributes
    ----------
    step : int
        The step they are of.
    evaluation : Evaluation or None
        Their score; None without a validation text, and before the first one.
    """

    def __init__(self, model: LanguageModel, path: Path | None) -> None:
        self._model, self._path = model, path
        self.params: dict[str, Array] = {}
        self.step = 0
        self.evaluation: Evaluation | None = None

    def keep(self, step: int, evaluation: Evaluation | None) -> None:
        """Keep the model's present weights."""
        self.params = {name: array.copy(order="K") for name, array in self._model.params.items()}
        self.step, self.evaluation = step, evaluation
        self.write()

    def write(self) -> None:
        """Write them, if there is a directory."""
        if self._path is not None:
            loss = None if self.evaluation is None else self.evaluation.loss
            about = {"step": self.step, "val_loss": loss, "model": self._model.settings}
            save_sealed(self._path / WEIGHTS, self.params, about)

    def restore(self) -> None:
        """Give the model the kept weights."""
        self._model.load_params(self.params)

    def is_beaten_by(self, found: Evaluation) -> bool:
        """Whether an evaluation is better than theirs."""
        return self.evaluation is None or found.loss < self.evaluation.loss

    def __str__(self) -> str:
        place = "in the model" if self._path is None else f"in {self._path}"
        return f"The weights of step {self.step} are {place}."
