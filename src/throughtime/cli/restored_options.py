"""A run's options, found again from its settings."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from throughtime.cli.train import TENSORBOARD
from throughtime.cli.train_options import TrainOptions
from throughtime.cli.train_settings import fit_settings, make_model
from throughtime.errors import ThroughtimeError
from throughtime.training.directory import load_config
from throughtime.training.plan import Plan
from throughtime.truncation import Chunk, parse_truncation

# Options that are settings of the same name.
_OF_TRAINING = frozenset({field.name for field in fields(TrainOptions)}) - {"optimizer"}
_OF_THE_MODEL = ("cell", "hidden_size", "num_layers", "embedding_size", "tied", "dropout", "init")


def restored(run: Path) -> dict[str, Any] | None:
    """The options that repeat a run, by the names of the parameters.

    None where there are none, as for a model or a plan that was made in Python and that options cannot describe. The
    vocabulary is limited to the size it has, as its limit is not among the settings.
    """
    config = load_config(run)
    if config["tokenizer"] is None:
        return None
    try:
        options = _options(config)
        plan = Plan.of(**fit_settings(options)).record()
        model = make_model(options, config["model"]["vocab_size"]).settings
    except (ThroughtimeError, KeyError, TypeError):
        return None
    if plan != config["training"] or model != config["model"]:
        return None
    return asdict(options) | {"tensorboard": (run / TENSORBOARD).is_dir()}


def _options(config: dict[str, Any]) -> TrainOptions:
    model, training, corpus = config["model"], config["training"], config["corpus"]
    found = {name: value for name, value in training.items() if name in _OF_TRAINING}
    found |= {name: model[name] for name in _OF_THE_MODEL} | config["tokenizer"]
    if model["cell"] == "rnn":
        found["nonlinearity"] = model["nonlinearity"]
    if isinstance(parse_truncation(training["truncation"]), Chunk):
        found["seq_len"] = None  # the truncation sets it
    files = corpus["files"]
    found["files"] = ["-"] if files is None and corpus["name"] == "stdin" else files
    return TrainOptions(**found, **_optimizer(training["optimizer"]), **_clip(training["clip"]))


def _optimizer(record: dict[str, Any]) -> dict[str, Any]:
    """The options of an optimiser; what they cannot say is found by who compares."""
    name = "nesterov" if record.get("nesterov") else record["name"]
    more: dict[str, Any] = {key: record[key] for key in ("momentum", "weight_decay") if key in record}
    return {"optimizer": name, "lr": record["lr"], **more}


def _clip(record: dict[str, Any] | None) -> dict[str, Any]:
    match record:
        case None:
            return {}
        case {"name": "norm", "theta": theta}:
            return {"clip_norm": str(theta)}
        case {"name": "auto", "multiple": multiple}:
            return {"clip_norm": f"auto:{multiple}"}
        case {"name": "value", "value": value}:
            return {"clip_value": value}
    raise KeyError(record["name"])
