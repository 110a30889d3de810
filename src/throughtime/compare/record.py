"""compare.json: what is compared, and the numbers of each variant as they come."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

import throughtime
from throughtime.compare.outcome import Outcome
from throughtime.compare.variant import Variant
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import Tokens
from throughtime.errors import RunError
from throughtime.storage import as_python, write_whole
from throughtime.training.directory import COMPARISON
from throughtime.training.metrics import to_json

Record: TypeAlias = dict[str, Any]

# The types of what is read; what goes by another name is only kept.
_RECORD = {"corpus": dict, "tokenizer": dict, "setting": dict, "variants": list}
_SECTIONS: dict[str, dict[str, Any]] = {
    "corpus": {"name": str, "sha256": str, "tokens": int},
    "tokenizer": {"unit": str},
}
_VARIANT = {"options": dict, "settings": dict} | {each.name: each.type for each in fields(Outcome)}
_SETTINGS = {"model": dict, "training": dict}
_TRAINING = {"optimizer": dict}
_LARGEST = 1e300


def new_record(
    tokens: Tokens, tokenizer: Tokenizer, variants: Sequence[Variant], setting: dict[str, Any]
) -> Record:
    """The record of a comparison in which nothing has been trained yet.

    Raises
    ------
    ArgumentError
        A setting of a variant is bad.
    """
    V = tokenizer.vocab_size
    entries = [
        {
            **Outcome(variant=each.name, parameters=each.make_model(V).num_params).record(),
            "run": each.name,
            "options": dict(each.options),
            "settings": each.settings(V),
        }
        for each in variants
    ]
    record = {
        "throughtime": throughtime.__version__,
        "corpus": {"name": tokens.name, "sha256": tokens.sha256, "tokens": len(tokens.ids)},
        "tokenizer": {"unit": tokenizer.unit, "vocab_size": V},
        "setting": setting,
        "variants": entries,
    }
    # As it will be read again: JSON knows neither tuples nor NumPy's numbers.
    found: Record = json.loads(json.dumps(record, default=as_python))
    return found


def outcomes_of(record: Record) -> list[Outcome]:
    """The outcome of each variant, in order."""
    return [Outcome.read(entry) for entry in record["variants"]]


def to_come(record: Record) -> list[str]:
    """The variants that have not come to their end yet, in order."""
    return [each.variant for each in outcomes_of(record) if each.state == "to come"]


def put(record: Record, outcome: Outcome) -> None:
    """Bring a variant's entry up to date."""
    entry = next(each for each in record["variants"] if each["variant"] == outcome.variant)
    entry.update(outcome.record())


def save(out: Path, record: Record) -> None:
    """Write compare.json."""
    write_whole(out / COMPARISON, (to_json(record, indent=1) + "\n").encode("utf-8", "backslashreplace"))


def load_record(out: Path) -> Record:
    """Read compare.json.

    Raises
    ------
    RunError
        It is missing or damaged.
    """
    file = out / COMPARISON
    try:
        record: Record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            f"{out} holds no {COMPARISON}; expected a comparison to go on with. Name one that throughtime compare has begun."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{file} cannot be read ({error!r}); expected what throughtime compare writes. Compare again in another "
            "directory."
        ) from None
    odd = _odd(record)
    if odd is not None:
        raise RunError(
            f"{file} is damaged: {odd}; expected what throughtime compare writes. Compare again in another directory."
        )
    return record


def _odd(record: Any) -> str | None:
    """What is missing, or is not of its type; None if nothing is."""
    odd = _odd_entry("", record, _RECORD)
    if odd is None and not record["variants"]:
        return "it has no variants"
    for place, entry in enumerate(record["variants"] if odd is None else []):
        where = f"variants[{place}]."
        odd = odd or _odd_entry(where, entry, _VARIANT)
        odd = odd or _odd_entry(f"{where}settings.", entry["settings"], _SETTINGS)
        odd = odd or _odd_entry(f"{where}settings.training.", entry["settings"]["training"], _TRAINING)
    for section, kinds in _SECTIONS.items():
        odd = odd or _odd_entry(f"{section}.", record[section], kinds)
    return odd


def _odd_entry(where: str, found: Any, kinds: Mapping[str, Any]) -> str | None:
    if not isinstance(found, dict):
        return f"{where.rstrip('.') or 'it'} is no object"
    for name, kind in kinds.items():
        if name not in found:
            return f"it lacks {where}{name}"
        if not is_of(found[name], kind):
            return f"{where}{name} is {found[name]!r}"
    return None


def is_of(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of an annotated type; to whoever writes JSON, true is no number.

    Examples
    --------
    >>> (
    ...     is_of(3, float | None),
    ...     is_of(None, float | None),
    ...     is_of(True, float | None),
    ...     is_of(["a", 3], list[str]),
    ... )
    (True, True, False, False)
    """
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is list:
        return isinstance(value, list) and all(is_of(each, *get_args(kind)) for each in value)
    if get_args(kind):
        return any(is_of(value, each) for each in get_args(kind))
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if kind is float:
        return isinstance(value, int | float) and -_LARGEST < value < _LARGEST
    return isinstance(value, kind)


def require_same(out: Path, before: Record, now: Record) -> None:
    """Raise RunError if a comparison that goes on is another one than was begun."""
    if before["corpus"]["sha256"] != now["corpus"]["sha256"]:
        raise RunError(
            f"{now['corpus']['name']} is not the text that {out} was begun with (their SHA-256 differ); expected the same, "
            "to go on with it. Give that text, or compare in another directory."
        )
    names = [[entry["variant"] for entry in record["variants"]] for record in (before, now)]
    if names[0] != names[1]:
        raise RunError(
            f"{out} was begun with the variants {', '.join(names[0])}, and {', '.join(names[1])} are found; expected the "
            "same, to go on with it. Give those, or compare in another directory."
        )
    for old, new in zip(before["variants"], now["variants"], strict=True):
        for section in ("model", "training"):
            for name, value in new["settings"][section].items():
                if old["settings"][section].get(name) != value:
                    raise RunError(
                        f"the variant {new['variant']} of {out} was begun with {name} "
                        f"{old['settings'][section].get(name)!r}, and {value!r} is found; expected the same, to go on with "
                        "it. Leave it as it was, or compare in another directory."
                    )
