"""Where an export may write, and what it leaves of what was there."""

import os

import pytest
from safetensors.numpy import save_file

import throughtime as tt
from throughtime.exchange import export_torch, package
from throughtime.training.run import Run

FILES = "model.safetensors", "model.py", "tokenizer.json"


def a_run(seed: int) -> Run:
    tokenizer = tt.Tokenizer.train("to be or not to be" + "!" * seed)
    return Run(None, {}, tt.LanguageModel(tokenizer.vocab_size, 4, "gru", seed=seed), tokenizer)


def content(place):
    return {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}


@pytest.fixture
def place(tmp_path):
    """An earlier export."""
    export_torch(a_run(0), tmp_path / "model")
    return tmp_path / "model"


def test_export_leaves_hidden_files_alone(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_text("a")
    for seed in (0, 1):
        export_torch(a_run(seed), tmp_path)
        assert content(tmp_path).keys() == {*FILES, ".git/x"}


@pytest.mark.parametrize("name", ["model.safetensors", "model.py"])
def test_export_spares_a_file_of_the_same_name_that_is_not_its_own(name, place, tmp_path):
    if name == "model.py":
        (place / name).write_text("import torch\n")
    else:
        save_file({"a": a_run(0).model.params["readout.bias"]}, place / name, metadata={"format": "pt"})
    before = content(place)
    with pytest.raises(
        tt.RunError, match=f"already holds {name}, which no such export has written; expected"
    ):
        export_torch(a_run(1), place)
    assert content(place) == before


def test_export_spares_a_tokenizer_that_lies_alone(tmp_path):
    a_run(0).tokenizer.save(tmp_path / "tokenizer.json")
    with pytest.raises(tt.RunError, match=r"already holds tokenizer.json"):
        export_torch(a_run(1), tmp_path)


def test_export_of_a_model_alone_leaves_no_tokenizer_that_is_not_its_own(place):
    with pytest.raises(tt.RunError, match=r"already holds tokenizer.json"):
        export_torch(a_run(1).model, place)


def test_export_spares_a_run_that_has_hardly_begun(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "metrics.jsonl").touch()
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(tt.RunError, match=r"already holds checkpoints, which"):
        export_torch(a_run(0), tmp_path)


@pytest.mark.parametrize("at", range(len(FILES)))
def test_export_that_is_interrupted_between_two_files_loses_nothing(at, place, tmp_path, monkeypatch):
    before, new = content(place), content(export_torch(a_run(1), tmp_path / "new").path)
    written = []

    def interrupted(path, whole):
        if len(written) == at:
            raise KeyboardInterrupt
        written.append(path.name)
        path.write_bytes(whole)

    with monkeypatch.context() as context:
        context.setattr(package, "write_whole", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export_torch(a_run(1), place)
    assert "model.py" not in written
    assert content(place) == {**before, **{name: new[name] for name in written}}
    assert content(export_torch(a_run(1), place).path) == new


def test_export_completes_one_that_was_cut_short(place):
    whole = content(place)
    (place / "model.py").unlink()
    assert content(export_torch(a_run(0), place).path) == whole


def test_export_takes_no_offence_at_bytecode_of_its_module(place):
    (place / "__pycache__").mkdir()
    (place / "__pycache__" / "model.cpython-311.pyc").touch()
    export_torch(a_run(1), place)


def test_export_writes_into_the_directory_itself(place, tmp_path, monkeypatch):
    place.chmod(0o700)
    (tmp_path / "link").symlink_to(place)
    inode = place.stat().st_ino
    export_torch(a_run(1), tmp_path / "link")
    monkeypatch.chdir(place)
    export_torch(a_run(1), ".")
    assert (tmp_path / "link").is_symlink()
    assert (place.stat().st_ino, place.stat().st_mode & 0o777) == (inode, 0o700)
    assert content(place).keys() == {*FILES}


def test_export_takes_a_long_name_and_tells_of_one_that_cannot_be(tmp_path):
    export_torch(a_run(0), tmp_path / ("x" * 250))
    with pytest.raises(tt.RunError, match=r"cannot be written .*; expected a directory to write in"):
        export_torch(a_run(0), tmp_path / ("x" * 300))
    with pytest.raises(tt.RunError, match=r"has a NUL; expected the name of a directory"):
        export_torch(a_run(0), str(tmp_path / "a\0b"))


def test_export_tells_of_a_directory_that_may_not_be_written(place, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(tt.RunError, match="is not writable; expected"):
        export_torch(a_run(1), place)
