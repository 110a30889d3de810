import json
import os
from pathlib import Path

import numpy as np
import pytest

import throughtime as tt
from throughtime.errors import RunError
from throughtime.training.directory import free_name, held, is_held, load_config, require_free, save_config


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "thesis.txt"])
def test_require_free_refuses_a_directory_that_holds_anything(name, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(RunError, match=f"already holds {name}; expected a new or empty directory"):
        require_free(tmp_path)


def test_require_free_takes_an_empty_directory_and_one_to_be_made(tmp_path):
    require_free(tmp_path)
    require_free(tmp_path / "a" / "b" / "c")
    assert list(tmp_path.iterdir()) == []


def test_require_free_refuses_a_file_and_what_lies_below_one(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(RunError, match="file is a file; expected a new or empty directory"):
        require_free(tmp_path / "file")
    with pytest.raises(RunError, match="file is a file; expected a directory to make"):
        require_free(tmp_path / "file" / "run")


def test_require_free_refuses_a_dangling_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(RunError, match="link is a file"):
        require_free(tmp_path / "link")


def test_require_free_refuses_where_it_may_not_write(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *arguments: False)  # root may write anywhere
    with pytest.raises(RunError, match="is not writable; expected a directory to make"):
        require_free(tmp_path / "run")


def test_require_free_takes_up_a_start_that_was_cut_short(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-00000000.safetensors").touch()
    (tmp_path / "tokenizer.json").touch()
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "metrics.jsonl").touch()
    require_free(tmp_path)
    (tmp_path / "checkpoints" / "step-00000010.safetensors").touch()
    with pytest.raises(RunError, match="already holds checkpoints"):
        require_free(tmp_path)


def test_save_config_writes_the_settings(tmp_path):
    save_config(tmp_path, {"name": "Việt \udce9"})
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) == {"name": "Việt \udce9"}


def test_held_makes_a_directory_and_gives_it_to_one_of_two(tmp_path):
    run = tmp_path / "a" / "run"
    assert not is_held(run)
    with held(run):
        assert is_held(run)
        with pytest.raises(RunError, match="is in use by another process"), held(run):
            pass
        (run / "config.json").touch()
        with pytest.raises(RunError, match="is in use by another process"):
            require_free(run)
        (run / "config.json").unlink()
    assert not is_held(run)
    with held(run):
        pass
    require_free(run)


def test_a_lock_that_may_not_be_opened_shows_nobody(tmp_path, monkeypatch):
    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / ".lock").touch()
    monkeypatch.setattr("throughtime.training.directory.FileLock.acquire", denied)
    assert not is_held(tmp_path)


def test_held_says_why_it_cannot_write(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with (
        pytest.raises(RunError, match=r"cannot be written \(No space left on device\)"),
        held(tmp_path / "run"),
    ):
        pass


def test_free_name_numbers_what_is_taken(tmp_path):
    assert free_name(str(tmp_path), "A Text (2).txt") == tmp_path / "a-text-2-.txt"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").touch()
    assert free_name(str(tmp_path), "a") == tmp_path / "a-3"
    assert free_name(str(tmp_path), "///") == tmp_path / "run"


def test_fit_destroys_nothing_where_a_run_lies(trained, text, tokenizer, model):
    def files():
        return {file: file.read_bytes() for file in trained.path.rglob("*") if file.is_file()}

    before = files()
    with pytest.raises(tt.RunError, match="already holds"):
        tt.fit(model, text, tokenizer=tokenizer, out=trained.path)
    assert files() == before


def test_require_free_refuses_a_name_too_long(tmp_path):
    with pytest.raises(RunError, match=r"cannot be written .*; expected a directory to write in"):
        require_free(tmp_path / ("x" * 300))


def test_save_config_writes_numpy_numbers_as_numbers(tmp_path):
    save_config(tmp_path, {"steps": np.int64(2), "lr": np.float64(0.5)})
    assert json.loads((tmp_path / "config.json").read_text()) == {"steps": 2, "lr": 0.5}


def test_save_config_leaves_no_file_of_settings_that_cannot_be_written(tmp_path):
    with pytest.raises(TypeError, match="expected what JSON knows"):
        save_config(tmp_path, {"odd": object()})
    assert list(tmp_path.iterdir()) == []


def test_load_config_reads_a_run_s(trained):
    assert load_config(trained.path) == trained.config
