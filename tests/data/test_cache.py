import dataclasses
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from throughtime.data import blocks, cache, progress
from throughtime.data.cache import encode_corpus, open_tokens, tokens_key
from throughtime.data.corpus import Corpus, FileCorpus, read
from throughtime.data.progress import Progress
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.tokens import By, Tokens
from throughtime.data.vocabularies import Unit
from throughtime.errors import TextError, WorkFailed
from throughtime.storage import save_sealed

TEXT = "The cat sat on the mat. It saw Nguyễn Du!\n\nTrăm năm trong cõi người ta.\n" * 9


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("THROUGHTIME_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(blocks, "BLOCK", 16)
    return tmp_path / "cache" / "tokens"


@pytest.fixture
def corpus(tmp_path: Path) -> FileCorpus:
    (tmp_path / "poem.txt").write_text(TEXT)
    return read(tmp_path / "poem.txt")


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXT)


def refused(*args: object) -> Iterator[np.ndarray]:
    raise AssertionError("tokenised again")


def assert_same(found: Tokens, expected: Tokens) -> None:
    assert (found.name, found.sha256, found.unknown) == (expected.name, expected.sha256, expected.unknown)
    assert found.ids.dtype == expected.ids.dtype
    np.testing.assert_array_equal(found.ids, expected.ids)
    assert (found.offsets is None) == (expected.offsets is None)
    if found.offsets is not None and expected.offsets is not None:
        np.testing.assert_array_equal(found.offsets, expected.offsets)


@pytest.mark.parametrize("by", ["stream", "sentence"])
@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
def test_files_are_kept_as_the_tokens_their_text_has_in_memory(
    unit: Unit, by: By, directory: Path, corpus: FileCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = Tokenizer.train("the cat sat. Trăm năm", unit, 300)  # so that some are unknown
    made = encode_corpus(corpus, tokenizer, by)
    assert_same(made, encode_corpus(Corpus("poem.txt", TEXT), tokenizer, by))
    assert made.unknown == (0 if unit == "bpe" else tokenizer.count_unknown(made.ids)) == made.unknown
    if by == "stream":
        assert made.ids.tolist() == tokenizer.encode(TEXT).tolist()
    assert made.ids.dtype == (np.uint16 if unit == "bpe" else np.uint8)
    assert not made.ids.flags.writeable
    monkeypatch.setattr(cache, "pieces", refused)
    assert_same(encode_corpus(corpus, tokenizer, by), made)
    assert made.key == tokens_key(corpus, tokenizer, by)
    again = open_tokens(made.key)
    assert again is not None
    assert_same(again, made)
    (file,) = directory.iterdir()
    np.testing.assert_array_equal(load_file(file)["ids"], made.ids)  # whoever knows the format can read it


def test_a_text_in_memory_is_kept_nowhere(directory: Path, tokenizer: Tokenizer) -> None:
    assert encode_corpus(Corpus("a text", TEXT), tokenizer, "stream").key is None
    assert not directory.exists()


def test_the_key_holds_all_that_the_tokens_depend_on(
    tmp_path: Path, corpus: FileCorpus, tokenizer: Tokenizer
) -> None:
    (tmp_path / "other").write_text(TEXT + "!")
    keys = {
        tokens_key(corpus, tokenizer, "stream"),
        tokens_key(corpus, tokenizer, "sentence"),
        tokens_key(corpus, Tokenizer.train(TEXT, vocab_size=9), "stream"),
        tokens_key(corpus, Tokenizer.train(TEXT, "word"), "stream"),
        tokens_key(read(tmp_path / "other"), tokenizer, "stream"),
    }
    assert len(keys) == 5
    shutil.copy(tmp_path / "poem.txt", tmp_path / "copy.txt")
    copy = read(tmp_path / "copy.txt")
    assert tokens_key(copy, tokenizer, "stream") == tokens_key(corpus, tokenizer, "stream")


def test_the_same_text_goes_by_the_name_it_has_now(
    tmp_path: Path, directory: Path, corpus: FileCorpus, tokenizer: Tokenizer
) -> None:
    encode_corpus(corpus, tokenizer, "stream")
    shutil.move(tmp_path / "poem.txt", tmp_path / "renamed.txt")
    assert encode_corpus(read(tmp_path / "renamed.txt"), tokenizer, "stream").name == "renamed.txt"
    assert len(list(directory.iterdir())) == 1


def test_the_key_holds_the_versions_of_what_makes_the_tokens(
    corpus: FileCorpus, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {tokens_key(corpus, tokenizer, "sentence")}
    for name, value in {
        "_FORMAT": 99,
        "_SENTENCES": 99,
        "sys.version_info": (3, 99, 0),
        "unicodedata.unidata_version": "99.0.0",
        "tokenizers.__version__": "99.0.0",
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr(f"throughtime.data.cache.{name}", value)
            keys.add(tokens_key(corpus, tokenizer, "sentence"))
    assert len(keys) == 6


@pytest.mark.parametrize("key", ["../x", "{place}/x", "", "A" * 64, "0" * 64 + "\n"])
def test_what_is_no_key_touches_no_file(key: str, directory: Path, tmp_path: Path) -> None:
    directory.mkdir(parents=True)
    others = [tmp_path / "cache" / "x.safetensors", tmp_path / "x.safetensors", directory / ".safetensors"]
    others += [directory / f"{name}.safetensors" for name in ("A" * 64, "0" * 64 + "\n")]
    for other in others:
        other.write_text("precious")
    assert open_tokens(key.format(place=tmp_path)) is None
    assert all(other.read_text() == "precious" for other in others)


@pytest.mark.parametrize(
    ("arrays", "about"),
    [
        ({"ids": np.arange(3, dtype=np.uint8)}, {"step": 3}),
        ({"ids": np.arange(3, dtype=np.uint8)}, None),
        ({"ids": np.arange(3, dtype=np.uint8)}, {"key": "KEY", "name": 3, "text_sha256": "", "unknown": 0}),
        ({}, {"key": "KEY", "name": "x", "text_sha256": "", "unknown": 0}),
    ],
)
def test_another_sealed_file_under_a_key_is_not_used(
    arrays: dict[str, np.ndarray], about: Any, directory: Path
) -> None:
    key = "0" * 64
    if about and "key" in about:
        about = {**about, "key": key}
    directory.mkdir(parents=True)
    save_sealed(directory / f"{key}.safetensors", arrays, about)
    with pytest.warns(UserWarning, match="holds another text's tokens; expected .* tokenised again"):
        assert open_tokens(key) is None


def test_unknown_keys_open_nothing(directory: Path) -> None:
    assert open_tokens("0" * 64) is None


@pytest.mark.parametrize("by", ["stream", "sentence"])
def test_every_damaged_byte_is_named_and_the_file_made_anew(
    by: By, directory: Path, corpus: FileCorpus, tokenizer: Tokenizer
) -> None:
    made = encode_corpus(corpus, tokenizer, by)
    made = dataclasses.replace(made, ids=made.ids.copy())  # the file that it maps is damaged now
    (file,) = directory.iterdir()
    content = file.read_bytes()
    for position in range(0, len(content), 7):
        file.write_bytes(
            content[:position] + bytes([content[position] ^ 1 << position % 8]) + content[position + 1 :]
        )
        with pytest.warns(UserWarning, match=rf"{file.name} .*; expected .* tokenised again"):
            assert open_tokens(str(made.key)) is None
        assert not file.exists()
    for cut in (0, 7, 100, len(content) - 1):
        file.write_bytes(content[:cut])
        with pytest.warns(UserWarning, match="tokenised again"):
            assert_same(encode_corpus(corpus, tokenizer, by), made)
        assert file.read_bytes() == content


def test_another_text_s_tokens_under_this_name_are_not_used(
    directory: Path, tmp_path: Path, corpus: FileCorpus, tokenizer: Tokenizer
) -> None:
    one, other = (encode_corpus(corpus, tokenizer, by) for by in ("stream", "sentence"))
    (directory / f"{other.key}.safetensors").rename(directory / f"{one.key}.safetensors")
    with pytest.warns(UserWarning, match="holds another text's tokens"):
        assert_same(encode_corpus(corpus, tokenizer, "stream"), one)


def test_what_ends_the_work_leaves_nothing_behind(
    tmp_path: Path, directory: Path, corpus: FileCorpus, tokenizer: Tokenizer
) -> None:
    (tmp_path / "poem.txt").write_text(TEXT.replace("cat", "rat"))
    with pytest.raises(TextError, match="has changed since it was read first"):
        encode_corpus(corpus, tokenizer, "stream")
    (tmp_path / "poem.txt").write_text(TEXT)

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_corpus(corpus, tokenizer, "stream", interrupt)
    assert list(directory.iterdir()) == []


def test_two_at_once_do_not_disturb_each_other(
    tmp_path: Path, directory: Path, corpus: FileCorpus, tokenizer: Tokenizer
) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    code = (
        "import sys, hashlib; from throughtime.data import blocks; blocks.BLOCK = 16\n"
        "from throughtime.data.cache import encode_corpus; from throughtime.data.corpus import read\n"
        "from throughtime.data.tokenizer import Tokenizer\n"
        "corpus, tokenizer = read(sys.argv[1]), Tokenizer.load(sys.argv[2])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "tokens = encode_corpus(corpus, tokenizer, 'sentence')\n"
        "print(hashlib.sha256(tokens.ids.tobytes() + tokens.offsets.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-W", "error", "-c", code, tmp_path / "poem.txt", tmp_path / "tokenizer.json"]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for program in both:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in both:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    assert len({program.communicate()[0] for program in both}) == 1
    assert [program.returncode for program in both] == [0, 0]
    assert len(list(directory.iterdir())) == 1
    found = open_tokens(tokens_key(corpus, tokenizer, "sentence"))
    assert found is not None
    assert_same(found, encode_corpus(Corpus("poem.txt", TEXT), tokenizer, "sentence"))


def full_disk(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_room_in_the_cache_a_temporary_file_serves(
    directory: Path, corpus: FileCorpus, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache.Path, "replace", full_disk)
    with pytest.warns(
        UserWarning, match=r"cannot keep the text's tokens \(No space left.*set THROUGHTIME_CACHE"
    ):
        found = encode_corpus(corpus, tokenizer, "sentence")
    assert found.key is None
    assert_same(found, encode_corpus(Corpus("poem.txt", TEXT), tokenizer, "sentence"))
    assert list(directory.iterdir()) == []


def test_a_file_where_the_cache_should_be_is_left_alone(
    directory: Path, corpus: FileCorpus, tokenizer: Tokenizer
) -> None:
    directory.parent.write_text("mine")
    with pytest.warns(UserWarning, match="cannot keep the text's tokens"):
        assert len(encode_corpus(corpus, tokenizer, "stream").ids) == len(TEXT)
    assert directory.parent.read_text() == "mine"


def test_without_any_room_the_remedy_is_told(
    directory: Path, corpus: FileCorpus, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "seal", full_disk)
    with (
        pytest.warns(UserWarning, match="cannot keep"),
        pytest.raises(
            WorkFailed, match=r"\(No space left on device\), nor to .*; expected room.* THROUGHTIME_CACHE"
        ),
    ):
        encode_corpus(corpus, tokenizer, "stream")
    assert list(directory.iterdir()) == []


def test_what_was_not_used_for_longest_is_removed(
    directory: Path, corpus: FileCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for n in range(4, 8):
        keys.append(str(encode_corpus(corpus, Tokenizer.train(TEXT, vocab_size=n), "stream").key))
        os.utime(directory / f"{keys[-1]}.safetensors", (n, n))
    abandoned, unfinished = directory / ".a", directory / ".b"
    for path in (abandoned, unfinished):
        path.touch()
    os.utime(abandoned, (0, 0))
    open_tokens(keys[0])  # used again
    size = (directory / f"{keys[0]}.safetensors").stat().st_size
    monkeypatch.setattr(cache, "_LIMIT", 3 * size + size // 2)
    keys.append(str(encode_corpus(corpus, Tokenizer.train(TEXT, vocab_size=8), "stream").key))
    left = {path.name.removesuffix(".safetensors") for path in directory.iterdir()}
    assert left == {keys[0], keys[3], keys[4], ".b"}


def test_tokenising_reports_its_progress(
    directory: Path, corpus: FileCorpus, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    told: list[Progress] = []
    encode_corpus(corpus, tokenizer, "stream", told.append)
    assert {(report.what, report.total) for report in told} == {("tokenising", corpus.size)}
    assert told[-1].done == corpus.size
    assert len(told) > 10
    told.clear()
    encode_corpus(corpus, tokenizer, "stream", told.append)
    assert told == []
