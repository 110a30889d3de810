import errno
import gzip
import hashlib
import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.data import blocks, progress
from throughtime.data.corpus import Corpus, builtin, read
from throughtime.data.progress import Progress
from throughtime.errors import TextError


def test_builtin_is_the_help_topics_in_the_order_of_their_names() -> None:
    from pydoc_data.topics import topics

    corpus = builtin()
    assert 400_000 < len(corpus.text) < 700_000
    assert "\r" not in corpus.text
    assert "\n\n\n\n" not in corpus.text
    first, second = sorted(topics)[:2]
    assert corpus.text.startswith(topics[first].strip("\n") + "\n\n" + topics[second].strip("\n")[:80])
    assert corpus.text.endswith("\n")
    assert not corpus.text.endswith("\n\n")
    assert corpus.sha256 == hashlib.sha256(corpus.text.encode()).hexdigest()


def test_builtin_does_not_depend_on_the_order_the_topics_are_stored_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = SimpleNamespace(topics={"b": "\nsecond\n\n", "a": "  first\n"})
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", stored)
    assert builtin().text == "  first\n\nsecond\n"


def test_builtin_names_the_version_whose_text_it_is() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in builtin().name


def test_builtin_says_so_when_python_lacks_its_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(TextError, match="Name a text file"):
        builtin()


def test_read_gives_the_text_its_name_and_the_files_own_hash(tmp_path: Path) -> None:
    file = tmp_path / "poem.txt"
    file.write_bytes("Trăm năm trong cõi người ta\n".encode())
    corpus = read([file])
    assert corpus == Corpus("poem.txt", "Trăm năm trong cõi người ta\n")
    assert corpus.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_read_takes_a_single_path_too(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("a")
    assert read(file) == read(str(file)) == read([file])


def test_read_makes_line_ends_line_feeds_and_drops_the_mark(tmp_path: Path) -> None:
    file = tmp_path / "windows.txt"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read([file]).text == "one\ntwo\nthree\n"


def test_read_parts_files_by_a_blank_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n\n\n")
    (tmp_path / "b").write_text("\n  two")
    corpus = read([tmp_path / "b", tmp_path / "a"])
    assert corpus == Corpus("b + a", "  two\n\none\n")


def test_read_takes_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("xin chào".encode())))
    assert read(["-"]) == Corpus("stdin", "xin chào")


def test_read_refuses_standard_input_twice_and_no_file_at_all() -> None:
    with pytest.raises(TextError, match="named twice"):
        read(["-", "-"])
    with pytest.raises(TextError, match="no file is named"):
        read([])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"text\0text", "is binary: a NUL byte at offset 4"),
        ("ngày".encode("utf-16"), "is UTF-16; expected UTF-8"),
        ("déjà".encode("latin-1"), "is not UTF-8: byte 0xe9 at offset 1"),
        (b"\xef\xbb\xbfab\xff", "is not UTF-8: byte 0xff at offset 5"),
        (b"cut short \xe2\x82", "is not UTF-8: byte 0xe2 at offset 10"),
    ],
)
def test_read_refuses_what_is_not_text(tmp_path: Path, content: bytes, complaint: str) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("good")
    bad.write_bytes(content)
    with pytest.raises(TextError) as caught:
        read([good, bad])
    message = str(caught.value)
    assert f"bad.txt {complaint}" in message
    assert "; expected" in message
    assert "\n" not in message
    assert message.endswith(".")
    assert bad.read_bytes() == content


def test_read_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"no\.txt does not exist; expected a text file\. Check the path"):
        read([tmp_path / "no.txt"])


def test_read_takes_a_directory_s_files_in_the_order_of_their_paths(tmp_path: Path) -> None:
    folder = tmp_path / "poems"
    for name, content in {
        "b.txt": b"two",
        "a/z.txt": b"one",
        "c/a.txt.gz": gzip.compress(b"three"),
        "a/.hidden.txt": b"hidden",
        ".git/config": b"hidden",
        "archive.tar.gz": gzip.compress(b"tar\0\0"),
        "picture.png": b"\x89PNG\0\0",
        "empty.txt": b"",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    corpus = read([folder])
    assert corpus == Corpus("poems (3 files)", "one\n\ntwo\n\nthree\n")
    assert corpus.skipped == tuple(
        str(folder / name) for name in ("archive.tar.gz", "empty.txt", "picture.png")
    )
    (folder / "latin.txt").write_bytes("déjà".encode("latin-1"))
    with pytest.raises(TextError, match=r"latin.txt is not UTF-8: byte 0xe9 at offset 1"):
        read([folder])


def test_read_refuses_a_directory_without_text(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="is a directory with no files; expected text files in it"):
        read([tmp_path])
    (tmp_path / "binary").write_bytes(b"\0")
    with pytest.raises(TextError, match="is a directory with no text, only binary or empty files; expected"):
        read([tmp_path])


def test_read_counts_the_files_whose_names_would_be_too_many(tmp_path: Path) -> None:
    names = [tmp_path / name for name in "abcde"]
    for name in names:
        name.write_text("x")
    assert read(names[:4]).name == "a + b + c + d"
    assert read(names).name == "a + b + c + 2 more"


def test_read_unpacks_gzip_files_whatever_they_are_called(tmp_path: Path) -> None:
    text = "Trăm năm trong cõi người ta\r\n" * 50
    for name in ("a.txt.gz", "a"):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) + gzip.compress(b"the end\n"))
        assert read(tmp_path / name).text == text.replace("\r\n", "\n") + "the end\n"


@pytest.mark.parametrize("damage", ["cut", "changed", "never gzip", "more behind"])
def test_read_refuses_a_damaged_gzip_file(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress("".join(map(str, range(5000))).encode())
    changed = bytes([*whole[:200], whole[200] ^ 16, *whole[201:]])
    file = tmp_path / "a.gz"
    file.write_bytes(
        {"cut": whole[:-9], "changed": changed, "never gzip": b"text", "more behind": whole + b"more"}[damage]
    )
    with pytest.raises(
        TextError, match=r"a.gz is a damaged gzip file \(.+\); expected text that gzip"
    ) as caught:
        read(file)
    assert "\n" not in str(caught.value)


def test_read_copies_what_can_be_read_but_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("through a pipe",))
    writer.start()
    corpus = read(pipe)
    writer.join()
    assert corpus.text == corpus.text == "through a pipe"


def test_read_takes_packed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(b"packed"))))
    assert read("-").text == "packed"


def test_read_says_where_standard_input_finds_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, block: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"text")))
    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    with pytest.raises(TextError, match=r"standard input cannot be kept in .* \(No space left.*Set TMPDIR"):
        read("-")


def test_read_refuses_standard_input_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise OSError(errno.EISDIR, "Is a directory")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Broken()))
    with pytest.raises(TextError, match=r"standard input cannot be read \(Is a directory\)"):
        read("-")


def test_read_s_corpus_notices_that_its_files_have_changed(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    corpus = read(file)
    file.write_text("two")
    with pytest.raises(TextError, match=r"a.txt has changed since it was read first; expected the same"):
        corpus.text  # noqa: B018


def test_read_and_blocks_report_their_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 10)
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    packed, plain = tmp_path / "a.gz", tmp_path / "b"
    packed.write_bytes(gzip.compress(b"x" * 100))
    plain.write_text("y" * 100)
    told: list[Progress] = []
    corpus = read([packed, plain], told.append)
    assert {report.what for report in told} == {"reading"}
    size = packed.stat().st_size + 100
    assert {report.total for report in told} == {size}
    assert [report.done for report in told] == sorted(report.done for report in told)
    assert told[-1].done == size
    assert len(told) > 20
    told.clear()
    for _ in corpus.blocks("looking", told.append):
        pass
    assert {(report.what, report.total) for report in told} == {("looking", corpus.size)}
    assert told[-1].done == corpus.size == len(corpus.text)


@pytest.mark.parametrize("name", ["text", "-"])
def test_an_error_of_whoever_hears_of_progress_is_theirs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(report: Progress) -> None:
        raise OSError(errno.ENOSPC, "a log's disk is full")

    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    monkeypatch.setattr(blocks, "BLOCK", 4)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a longer text")))
    (tmp_path / "text").write_text("a longer text")
    with pytest.raises(OSError, match="a log's disk is full"):
        read(name if name == "-" else tmp_path / name, full)


@given(
    st.lists(st.sampled_from(["a", "é", "\r", "\n", "\r\n", "漢", "🇻🇳", "\ufeff", " "])), st.integers(3, 7)
)
def test_reading_does_not_depend_on_the_blocks(
    tmp_path_factory: pytest.TempPathFactory, letters: list[str], size: int
) -> None:
    content = "".join(letters) + "."
    file = tmp_path_factory.getbasetemp() / "blocks.txt"
    file.write_bytes(content.encode())
    expected = content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        corpus = read(file)
        assert corpus.text == expected
        assert (
            max(map(len, corpus.blocks())) <= size + 1
        )  # a carriage return may have waited for its line feed
        assert read([file, file]).text == "\n\n".join([expected.strip("\n")] * 2) + "\n"
    assert corpus.sha256 == hashlib.sha256(expected.encode()).hexdigest()
    assert corpus.size == len(expected.encode())


@pytest.mark.parametrize("size", [2, 3, 5, 64])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a long text\0text", "is binary: a NUL byte at offset 11"),
        ("Trăm năm".encode() + b"\xe9 cut", "is not UTF-8: byte 0xe9 at offset 10"),
        (b"cut short in it \xf0\x9f\x87", "is not UTF-8: byte 0xf0 at offset 16"),
    ],
)
def test_offsets_are_told_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, complaint: str, size: int
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", size)
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    with pytest.raises(TextError, match=complaint):
        read(file)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "two\nlines", ""])
def test_read_refuses_impossible_names_in_one_line(name: str) -> None:
    with pytest.raises(TextError) as caught:
        read([name])
    assert "\n" not in str(caught.value)


def test_read_refuses_a_file_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, mode: str) -> IO[bytes]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(
        TextError, match=r"^secret.txt cannot be read \(Permission denied\); expected a readable"
    ):
        read(["secret.txt"])


def test_corpus_refuses_an_empty_text() -> None:
    with pytest.raises(TextError, match="my text is empty"):
        Corpus("my text", " \n")
