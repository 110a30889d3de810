"""What stands in a run's config.json: every entry, and its type."""

from pathlib import Path
from types import NoneType
from typing import Any, get_args

from throughtime.data.vocabularies import Unit
from throughtime.errors import RunError

_Types = tuple[type, ...]
_NUMBER: _Types = (int, float)
_COUNT: _Types = (int, NoneType)

_MODEL: dict[str, _Types] = {
    "vocab_size": (int,),
    "embedding_size": _COUNT,
    "tied": (bool,),
    "hidden_size": (int,),
    "cell": (str,),
    "num_layers": (int,),
    "bias": (bool,),
    "nonlinearity": (str,),
    "dropout": _NUMBER,
    "init": (str,),
    "dtype": (str,),
}
_TOKENIZER: dict[str, _Types] = {"unit": (str,), "vocab_size": (int,)}
_TRAINING: dict[str, _Types] = {
    "optimizer": (dict,),
    "truncation": (str,),
    "clip": (dict, NoneType),
    "schedule": (str,),
    "by": (str,),
    "batch_size": (int,),
    "seq_len": _COUNT,
    "epochs": _COUNT,
    "max_steps": _COUNT,
    "val_fraction": _NUMBER,
    "eval_every": _COUNT,
    "patience": _COUNT,
    "flow_every": _COUNT,
    "average": _COUNT,
    "omega": _NUMBER,
    "reduction": (str,),
    "seed": (int,),
    "checkpoint_every": _COUNT,
    "keep_checkpoints": (int,),
    "on_incident": (str,),
    "threads": (int,),
    "precision": (str,),
}
_CORPUS: dict[str, _Types] = {
    "name": (str,),
    "sha256": (str,),
    "files": (list, NoneType),
    "tokens_key": (str, NoneType),
    "tokens": (int,),
    "unknown": (int,),
    "train_predictions": (int,),
    "steps_per_epoch": (int,),
    "val_predictions": (int,),
}
# In the place of what a run was trained with: where its weights come from.
IMPORTED = "imported"
_IMPORTED: dict[str, _Types] = {"file": (str,), "sha256": (str,)}
# Of what a run ran on nothing is used but to be compared.
_SECTIONS: dict[str, dict[str, _Types] | None] = {
    "model": _MODEL,
    "tokenizer": _TOKENIZER,
    "training": _TRAINING,
    "corpus": _CORPUS,
    "machine": None,
}
_TRAINED = "training", "corpus", "machine"
_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("tokenizer", "unit"): get_args(Unit),
    ("training", "by"): ("stream", "sentence"),
}


def require_entries(file: Path, config: Any) -> None:
    """Raise RunError unless a config.json has all of its entries, each of its type, and no others.

    What an entry's value means is for those to check who use it.
    """
    remedy = "Name a directory that `throughtime train` has written, or put the file back as it was."
    if not isinstance(config, dict) or not {"throughtime", *_SECTIONS} <= config.keys():
        raise RunError(
            f"{file} is not a run's; expected settings as `throughtime train` writes them. {remedy}"
        )

    def require(name: str, value: Any, types: _Types) -> None:
        # To Python True is an int, to whoever writes JSON it is not.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise RunError(f"{file} has {name} {value!r}; expected {_spelled(types)}. {remedy}")

    require("throughtime", config["throughtime"], (str,))
    imported = config.get(IMPORTED) is not None
    sections = {**_SECTIONS, IMPORTED: _IMPORTED} if imported else _SECTIONS
    for section, entries in sections.items():
        found = config[section]
        if imported and section in _TRAINED:
            require(section, found, (NoneType,))
            continue
        require(section, found, (dict, NoneType) if section == "tokenizer" else (dict,))
        if found is None or entries is None:
            continue
        odd = sorted(found.keys() ^ entries.keys())
        if odd:
            verb = "has" if odd[0] in found else "lacks"
            raise RunError(f"{file} {verb} {section}.{odd[0]}; expected a run's settings. {remedy}")
        for name, types in entries.items():
            require(f"{section}.{name}", found[name], types)
            choices = _CHOICES.get((section, name))
            if choices and found[name] not in choices:
                raise RunError(
                    f"{file} has {section}.{name} {found[name]!r}; expected {' or '.join(choices)}. {remedy}"
                )
    for path in () if imported else config["corpus"]["files"] or ():
        require("corpus.files", path, (str,))


def _spelled(types: _Types) -> str:
    """Types as JSON calls them."""
    names = {bool: "true or false", dict: "an object", int: "a whole number", str: "a string"}
    names |= {float: "a number", list: "a list", NoneType: "null"}
    return " or ".join(names[kind] for kind in types)
