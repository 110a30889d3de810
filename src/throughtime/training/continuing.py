"""What may change between the start of a run and its going on."""

import json
from pathlib import Path
from typing import Any

from throughtime.errors import RunError
from throughtime.storage import as_python
from throughtime.training.directory import load_config
from throughtime.training.entries import IMPORTED

# These change when training ends, how safe it is and how fast, and what is measured, but none of the updates before.
CHANGEABLE = frozenset(
    {
        "epochs",
        "max_steps",
        "patience",
        "flow_every",
        "checkpoint_every",
        "keep_checkpoints",
        "on_incident",
        "threads",
    }
)


def changeable(training: dict[str, Any]) -> frozenset[str]:
    """Which settings may change, of a run whose config.json has this `training`: under Auto updates depend on probes."""
    truncation = training["truncation"]
    adaptive = isinstance(truncation, str) and truncation.startswith("auto")
    return CHANGEABLE - {"flow_every"} if adaptive else CHANGEABLE


def require_trained(path: Path, config: dict[str, Any]) -> None:
    """Raise RunError if there is no training to go on with, as a run's weights come from elsewhere."""
    if config["training"] is None:
        raise RunError(
            f"{path} was imported from {config[IMPORTED]['file']}; expected a run that was trained here, to go on with it. Train "
            "its model in a run of its own, from Python: fit(run.model, text, tokenizer=run.tokenizer, out=PATH)."
        )


def settled(config: dict[str, Any]) -> dict[str, Any]:
    """What makes a run's updates what they are: what its checkpoints hold config.json against."""
    sections = {name: dict(config[name] or {}) for name in ("model", "tokenizer", "training")}
    for name in changeable(sections["training"]):
        del sections["training"][name]
    # As JSON has it, which knows neither tuples nor NumPy's numbers.
    found: dict[str, Any] = json.loads(
        json.dumps({**sections, "corpus": {"sha256": config["corpus"]["sha256"]}}, default=as_python)
    )
    return found


def require_settled(file: Path, now: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise RunError if a checkpoint was made with other settings than a run has now, both as `settled` gives them."""
    for section, entries in now.items():
        for name, value in entries.items():
            if found[section].get(name) != value:
                raise RunError(
                    f"{file} was made with {section}.{name} {found[section].get(name)!r}, and config.json has {value!r}; "
                    "expected the same, as config.json was written before. Put it back as it was."
                )


def differences(path: Path, config: dict[str, Any]) -> list[str]:
    """Hold the settings of a run that goes on against those it was started with.

    Parameters
    ----------
    path : Path
        The run directory.
    config : dict
        The settings now.

    Returns
    -------
    list of str
        A line where the machine or the version differs, so that the same bits are not promised.

    Raises
    ------
    RunError
        A setting differs that makes other updates.
    """
    saved = load_config(path)
    require_trained(path, saved)
    free = changeable(config["training"])
    for section in ("model", "tokenizer", "training"):
        before, now = saved[section] or {}, config[section] or {}
        for name in now:
            if before.get(name) != now[name] and name not in free:
                raise RunError(
                    f"{path} was started with {name} {before.get(name)!r}, and {now[name]!r} is found; expected the same, "
                    "to go on with it. Leave it as it was, or train in another directory."
                )
    if saved["corpus"]["sha256"] != config["corpus"]["sha256"]:
        raise RunError(
            f"{config['corpus']['name']} is not the text that {path} was started with (their SHA-256 differ); expected "
            "the same, to go on with it. Give that text, or train in another directory."
        )
    before, now = ({**each["machine"], "throughtime": each["throughtime"]} for each in (saved, config))
    changed = [f"{name} {before.get(name)}, now {now[name]}" for name in now if before.get(name) != now[name]]
    if not changed:
        return []
    return [
        f"{path} was started with {'; '.join(changed)}: what follows is right, but need not be the same to the last bit."
    ]
