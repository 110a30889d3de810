"""Training steps that went wrong, kept as files: with one of them the step can be run again."""

import copy
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import ArgumentError, RunError
from throughtime.initial import recorded_generator
from throughtime.machine.arrays import Array
from throughtime.networks.dropout import Dropout, Masks
from throughtime.networks.faults import Fault, examine
from throughtime.networks.layer import State
from throughtime.networks.network import Network
from throughtime.storage import load_sealed, part_of, save_sealed
from throughtime.training.directory import INCIDENTS, load_config
from throughtime.training.run import model_of
from throughtime.truncation import Truncation, parse_truncation, require_truncation

_NAME = re.compile(r"(?:step-)?(\d+)(?:-(\d+))?(?:\.safetensors)?")
_NUMBERS = ("lr", "norm", "usual_norm")


@dataclass(eq=False)
class Incident:
    """A training step as it was, with all that is needed to run it again.

    Attributes
    ----------
    step : int
        The update that was being made, counted from 1.
    params : dict of str to ndarray
        The weights of this step.
    inputs, targets, state, lengths, reset
        As `throughtime.bptt` has them.
    truncation, reduction
        Of this step.
    before, before_step : dict of str to ndarray, int; or None
        The last weights that were good, and how many updates had been made by then.
    random : dict or None
        The state of dropout's generator before this step; None where there was no dropout.
    lr, clip
        Learning rate, and the clip as it is spelled.
    norm, usual_norm : float or None
        Norm of the gradient, and its running median.
    """

    step: int
    params: dict[str, Array]
    inputs: Array
    targets: Array
    truncation: Truncation
    reduction: str = "mean"
    state: State | None = None
    lengths: Array | None = None
    reset: Array | None = None
    before: dict[str, Array] | None = None
    before_step: int | None = None
    random: dict[str, Any] | None = None
    lr: float | None = None
    clip: str | None = None
    norm: float | None = None
    usual_norm: float | None = None

    @property
    def updates(self) -> int | None:
        """How many updates lie between the weights before and those of this step."""
        return None if self.before_step is None else self.step - 1 - self.before_step

    def examine(self, model: Network) -> Fault:
        """Run the step again with every value checked.

        Parameters
        ----------
        model : Network
            Of the same settings; it stays as it is.
        """
        twin = model.astype(model.dtype)
        twin.load_params(self.params)
        return examine(
            twin,
            self.inputs,
            self.targets,
            self.state,
            self.truncation,
            self.reduction,
            self.reset,
            self.lengths,
            masks=self._masks(model),
            before=self.before,
            updates=self.updates,
            lr=self.lr,
            norm=self.norm,
            usual_norm=self.usual_norm,
        )

    def _masks(self, model: Network) -> Masks | None:
        """Dropout's masks, drawn once more as they were."""
        if self.random is None:
            return None
        stack = copy.copy(model.layers.stack)  # the model's own generator goes on undisturbed
        stack.dropout = Dropout(stack.dropout.p, recorded_generator(self.random))
        T, B = self.inputs.shape[:2]
        return stack.masks(T, B, True)


def save_incident(run: Path, incident: Incident, fault: Fault) -> Path:
    """Write an incident into a run's directory, as incidents/step-00001234.safetensors.

    A second one at the same step, after a rollback or where the first was skipped, is step-00001234-2.

    Raises
    ------
    OSError
        It cannot be written.
    """
    parts = incident.state if isinstance(incident.state, tuple | list) else (incident.state,)
    arrays: dict[str, Array | None] = {
        "inputs": incident.inputs,
        "targets": incident.targets,
        "lengths": incident.lengths,
        "reset": incident.reset,
        **{f"params/{name}": array for name, array in incident.params.items()},
        **{f"before/{name}": array for name, array in (incident.before or {}).items()},
        **{f"state/{number}": array for number, array in enumerate(parts)},
    }
    about = {
        "step": incident.step,
        "before_step": incident.before_step,
        "truncation": str(incident.truncation),
        "reduction": incident.reduction,
        "random": incident.random,
        "clip": incident.clip,
        **{name: getattr(incident, name) for name in _NUMBERS},
        "fault": fault.record(),
    }
    directory, stem, number = run / INCIDENTS, f"step-{incident.step:08}", 1
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{stem}.safetensors"
    while path.exists():
        number += 1
        path = directory / f"{stem}-{number}.safetensors"
    save_sealed(path, {name: np.asarray(array) for name, array in arrays.items() if array is not None}, about)
    return path


def load_incident(path: Path) -> tuple[Incident, dict[str, Any]]:
    """An incident, and the record of the fault that was found when it happened.

    Raises
    ------
    RunError
        The file cannot be read, or is none of an incident. `DamagedError`: a byte of it has changed.
    """
    remedy = "Name one that training has written."
    try:
        arrays, about = load_sealed(path)
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}); expected an incident. {remedy}") from None

    try:
        state = part_of(arrays, "state")
        parts = tuple(state[str(number)] for number in range(len(state)))
        incident = Incident(
            step=about["step"],
            params=part_of(arrays, "params"),
            inputs=arrays["inputs"],
            targets=arrays["targets"],
            truncation=require_truncation(parse_truncation(about["truncation"])),
            reduction=about["reduction"],
            state=parts[0] if len(parts) == 1 else parts or None,
            lengths=arrays.get("lengths"),
            reset=arrays.get("reset"),
            before=part_of(arrays, "before") or None,
            before_step=about["before_step"],
            random=about["random"],
            clip=about["clip"],
            **{name: about[name] for name in _NUMBERS},
        )
        return incident, about["fault"]
    except (KeyError, TypeError, AttributeError, ArgumentError):
        raise RunError(f"{path} is no incident; expected a file of {INCIDENTS}/. {remedy}") from None


def incidents(run: str | os.PathLike[str]) -> list[Path]:
    """The files of a run's incidents, in order."""
    directory = Path(run, INCIDENTS)
    if not directory.is_dir():
        return []
    found = {path: _number(path.name) for path in directory.glob("step-*.safetensors")}
    return sorted(
        (path for path, number in found.items() if number is not None), key=lambda path: found[path] or ()
    )


def find_incident(run: str | os.PathLike[str], name: str | int | os.PathLike[str]) -> Path:
    """The file of an incident.

    Parameters
    ----------
    name : "step-00001234", 1234, or the file's path

    Raises
    ------
    RunError
        There is none of that name; the message lists those that there are.
    """
    wanted = str(name)
    number, found = _number(wanted), incidents(run)
    for path in found:
        if number is not None and number == _number(path.name):
            return path
    if Path(wanted).is_file():
        return Path(wanted)
    there = ", ".join(path.stem for path in found)
    raise RunError(
        f"{run} has no incident {wanted}; expected {f'one of {there}' if there else 'a run that met one'}. "
        f"{'Name one of these.' if there else 'It met none.'}"
    )


def _number(name: str) -> tuple[int, int] | None:
    """The step in an incident's name, and which one at that step it is."""
    found = _NAME.fullmatch(name)
    return None if found is None else (int(found[1]), int(found[2] or 1))


def replay_incident(
    run: str | os.PathLike[str], name: str | int | os.PathLike[str], cell: Cell | None = None
) -> Fault:
    """Run a training step that went wrong again, from its file and the run's config.json.

    Parameters
    ----------
    run : path
        The run directory.
    name : str, int or path
        As "step-00001234", 1234, or the file's path.
    cell : Cell, optional
        The cell that the model was made with, if it was a user's own: a run holds no code.

    Raises
    ------
    RunError
        There is no such run or incident, or it cannot be read.
    """
    config = load_config(Path(run))
    path = find_incident(run, name)
    incident, _ = load_incident(path)
    model = model_of(Path(run), config, cell)
    try:
        return incident.examine(model)
    except ValueError as error:  # another model's weights, or inputs that it does not read
        raise RunError(
            f"{path} does not fit the model of {run} ({str(error).partition(';')[0]}); expected an incident of this run. "
            "Name one of its own."
        ) from None
