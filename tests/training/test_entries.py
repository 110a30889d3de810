"""Whatever stands in a config.json, a run is loaded or taken up, or an error of throughtime's says why not."""

import copy
import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.training.conftest import TEXT

import throughtime as tt
from throughtime.data.corpus import read
from throughtime.training.directory import load_config, save_config
from throughtime.training.entries import require_entries

GONE = object()
OTHERS = (GONE, None, True, -1, 2, 0.5, "x", [], [3], {}, {"name": []})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run over a file, with every kind of entry."""
    monkeypatch.setenv("THROUGHTIME_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text(TEXT)
    corpus = read(tmp_path / "text.txt")
    tokenizer = tt.Tokenizer.train(corpus)
    tt.fit(
        tt.LanguageModel(tokenizer.vocab_size, 4, cell="gru", num_layers=2, dropout=0.2, seed=0),
        corpus,
        tokenizer=tokenizer,
        clip=tt.ClipNorm(1.0),
        batch_size=4,
        epochs=1,
        max_steps=2,
        out=tmp_path / "run",
    )
    return tmp_path / "run"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in nested objects and lists."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, entry in entries:
        yield (*path, name)
        yield from places(entry, (*path, name))


def changed(config: dict[str, Any], path: tuple[Any, ...], other: Any) -> dict[str, Any]:
    config = copy.deepcopy(config)
    parent: Any = config
    for name in path[:-1]:
        parent = parent[name]
    if other is GONE:
        del parent[path[-1]]
    else:
        parent[path[-1]] = other
    return config


@pytest.mark.slow
def test_every_damage_of_a_config_is_answered_by_a_run_or_an_error_of_ours(run: Path, tmp_path: Path) -> None:
    config = load_config(run)
    files = {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    refused: dict[tuple[Any, ...], str] = {}
    for path in places(config):
        for other in OTHERS:
            shutil.rmtree(run)
            for name, content in files.items():
                (run / name).parent.mkdir(parents=True, exist_ok=True)
                (run / name).write_bytes(content)
            (run / "config.json").write_text(json.dumps(changed(config, path, other)))
            for use in (tt.load, tt.resume):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        use(run)
                except tt.ThroughtimeError as error:
                    refused[path] = str(error)
                except Exception as error:
                    raise AssertionError(f"{use.__name__} with {path} {other!r}: {error!r}") from error
    assert {path for path in places(config) if path[0] != "machine"} <= refused.keys()
    assert not any("\n" in message for message in refused.values())


@pytest.mark.parametrize(
    ("path", "other", "message"),
    [
        (("machine",), GONE, "is not a run's; expected settings"),
        (("throughtime",), 3, "has throughtime 3; expected a string"),
        (("model", "bias"), GONE, "lacks model.bias"),
        (("model", "wings"), 2, "has model.wings"),
        (("model", "hidden_size"), True, "has model.hidden_size True; expected a whole number"),
        (("model", "embedding_size"), "x", "has model.embedding_size 'x'; expected a whole number or null"),
        (("training", "by"), "page", "has training.by 'page'; expected stream or sentence"),
        (("tokenizer", "unit"), None, "has tokenizer.unit None; expected a string"),
        (("corpus", "files"), ["a", 3], "has corpus.files 3; expected a string"),
    ],
)
def test_what_is_wrong_with_a_config_is_named(
    path: tuple[str, ...], other: Any, message: str, trained: Any, tmp_path: Path
) -> None:
    save_config(tmp_path, changed(trained.config, path, other))
    with pytest.raises(tt.RunError, match=message) as caught:
        load_config(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_config_without_a_tokenizer_is_a_run_s(trained: Any) -> None:
    require_entries(Path("config.json"), {**trained.config, "tokenizer": None})


IMPORTED = {"file": "theirs.safetensors", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"imported": None}, "has training None; expected an object"),
        ({"imported": {**IMPORTED, "file": 3}}, "has imported.file 3; expected a string"),
        ({"imported": {"file": "a"}}, "lacks imported.sha256; expected a run's settings"),
        ({"imported": "a"}, "has imported 'a'; expected an object"),
        ({"training": {}}, "has training {}; expected null"),
        ({"corpus": {}}, "has corpus {}; expected null"),
    ],
)
def test_config_of_imported_weights_has_their_origin_and_no_training(
    change: dict[str, Any], message: str | None
) -> None:
    model = tt.LanguageModel(5, 4, seed=0).settings
    without = dict.fromkeys(("training", "corpus", "machine"))
    config = {"throughtime": "1", "model": model, "tokenizer": None, **without, "imported": IMPORTED}
    if message is None:
        require_entries(Path("config.json"), config)
        return
    with pytest.raises(tt.RunError, match=message):
        require_entries(Path("config.json"), config | change)
