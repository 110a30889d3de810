"""The settings of a study's trials in words: what all have in common, and what sets each way of training apart."""

from typing import Any

from throughtime.study.plan import NO_WAY, Planned, Study


def common(study: Study) -> dict[str, str]:
    """What is one for all, and is not left off, by its name."""
    records = [_told(each) for each in study.trials]
    first = records[0] if records else {}
    return {
        _words(name): _written(value)
        for name, value in first.items()
        if value not in _OFF and all(record.get(name) == value for record in records)
    }


def apart(study: Study) -> dict[str, dict[str, str]]:
    """What is not one for all, by way and name; of a way that has several values, all of them."""
    records = [(each.way, _told(each)) for each in study.trials]
    names = [
        name
        for name in dict.fromkeys(name for _, record in records for name in record)
        if name not in NO_WAY and len({record.get(name) for _, record in records}) > 1
    ]
    found: dict[str, dict[str, str]] = {}
    for way in dict.fromkeys(way for way, _ in records):
        values = {
            name: dict.fromkeys(_written(record.get(name)) for other, record in records if other == way)
            for name in names
        }
        found[way] = {_words(name): ", ".join(each) for name, each in values.items()}
    return found


# How a setting says that it is not used.
_OFF = (None, 0.0, "constant", "full")


def _told(planned: Planned) -> dict[str, Any]:
    """The settings as one reads them; a nonlinearity goes with its cell."""
    record = planned.trial.record()
    del record["seed"]
    nonlinearity = record.pop("nonlinearity")
    if record["cell"] == "rnn":
        record["cell"] = f"{nonlinearity} rnn"
    record.pop("sha256", None)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}


def _words(name: str) -> str:
    return {"lr": "learning rate", "init": "start", "max_steps": "updates at most"}.get(
        name, name.replace("_", " ")
    )


def _written(value: Any) -> str:
    match value:
        case None:
            return "off"
        case tuple():
            return "-".join(map(str, value))
        case float():
            return f"{value:g}"
        case int():
            return f"{value:,}"
    return str(value)
