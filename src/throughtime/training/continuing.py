"""What may change between the start of a run and its going on."""

from pathlib import Path
from typing import Any

from throughtime.errors import RunError
from throughtime.training.directory import load_config

# These change when training ends, how safe it is and how fast, but none of the updates before.
_FREE = frozenset(
    {"epochs", "max_steps", "patience", "checkpoint_every", "keep_checkpoints", "on_incident", "threads"}
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
    for section in ("model", "tokenizer", "training"):
        before, now = saved[section] or {}, config[section] or {}
        for name in now:
            if before.get(name) != now[name] and name not in _FREE:
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
