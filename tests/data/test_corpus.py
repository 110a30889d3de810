import errno
import hashlib
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.data.corpus import Corpus, builtin, read, split
from throughtime.errors import ArgumentError, TextError


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


def test_read_refuses_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"no\.txt does not exist; expected a text file\. Check the path"):
        read([tmp_path / "no.txt"])
    with pytest.raises(TextError, match="is a directory; expected a text file"):
        read([tmp_path])


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "two\nlines", ""])
def test_read_refuses_impossible_names_in_one_line(name: str) -> None:
    with pytest.raises(TextError) as caught:
        read([name])
    assert "\n" not in str(caught.value)


def test_read_refuses_a_file_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(
        TextError, match=r"^secret.txt cannot be read \(Permission denied\); expected a readable"
    ):
        read(["secret.txt"])


def test_corpus_refuses_an_empty_text() -> None:
    with pytest.raises(TextError, match="my text is empty"):
        Corpus("my text", " \n")


@given(
    n=st.integers(0, 400),
    val_fraction=st.floats(0, 0.99),
    least=st.integers(1, 5),
)
def test_split_parts_by_position_or_names_the_size_that_would_do(
    n: int, val_fraction: float, least: int
) -> None:
    items = list(range(n))
    try:
        train, val = split(items, val_fraction, least=least)
    except TextError as error:
        needed = int(str(error).split("expected at least ")[1].split()[0])
        assert needed > n
        split(range(needed), val_fraction, least=least)
        with pytest.raises(TextError):
            split(range(needed - 1), val_fraction, least=least)
        return
    assert train + val == items
    assert len(train) >= least
    if val_fraction == 0:
        assert val == []
    else:
        assert len(val) >= least
        assert len(val) == least or abs(len(val) - n * val_fraction) < 1


@pytest.mark.parametrize("val_fraction", [-0.1, 1.0, float("nan")])
def test_split_refuses_other_fractions(val_fraction: float) -> None:
    with pytest.raises(ArgumentError, match="val_fraction"):
        split([1, 2, 3, 4], val_fraction)


def test_split_names_what_it_parts() -> None:
    with pytest.raises(TextError, match="the text has 1 sentences; expected at least 2"):
        split(["only"], 0.1, least=1, what="sentences")
