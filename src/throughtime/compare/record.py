"""compare.json: what is compared, and the numbers of each variant as they come."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import throughtime
from throughtime.compare.outcome import Outcome
from throughtime.compare.variant import Variant
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import Tokens
from throughtime.errors import RunError
from throughtime.storage import as_python, write_whole
from throughtime.training.metrics import to_json

RECORD = "compare.json"
Record: TypeAlias = dict[str, Any]


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


def outcomes_of(out: Path, record: Record) -> list[Outcome]:
    """The outcome of each variant, in order."""
    return [Outcome.read(out / RECORD, entry) for entry in record["variants"]]


def put(record: Record, outcome: Outcome) -> None:
    """Bring a variant's entry up to date."""
    entry = next(each for each in record["variants"] if each["variant"] == outcome.variant)
    entry.update(outcome.record())


def save(out: Path, record: Record) -> None:
    """Write compare.json."""
    write_whole(out / RECORD, (to_json(record, indent=1) + "\n").encode("utf-8", "backslashreplace"))


def load_record(out: Path) -> Record:
    """Read compare.json.

    Raises
    ------
    RunError
        It is missing or damaged.
    """
    file = out / RECORD
    try:
        record: Record = json.loads(file.read_text(encoding="utf-8"))
        names = [entry["variant"] for entry in record["variants"]]
        sound = all(isinstance(name, str) for name in names) and isinstance(record["setting"], dict)
        record["corpus"]["sha256"], record["tokenizer"]["unit"]
    except FileNotFoundError:
        raise RunError(
            f"{out} holds no {RECORD}; expected a comparison to go on with. Name one that throughtime compare has begun."
        ) from None
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise RunError(
            f"{file} cannot be read ({error!r}); expected what throughtime compare writes. Compare again in another "
            "directory."
        ) from None
    if not sound:
        raise RunError(
            f"{file} is damaged; expected what throughtime compare writes. Compare again in another directory."
        )
    return record


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
