import hashlib
from typing import Any

import numpy as np
import pytest
from tests.training.test_plan import plan

import throughtime as tt
from throughtime.data.cache import open_tokens
from throughtime.data.corpus import read
from throughtime.training.course import Course
from throughtime.training.material import Material, prepare

UNITS = ["char", "word", "bpe"]


def batches(material: Material) -> list[Any]:
    assert material.val is not None
    both = [*material.train, *material.val.batches]
    return [(batch.inputs.tolist(), batch.targets.tolist(), batch.fresh, batch.carry) for batch in both]


@pytest.mark.parametrize("by", ["stream", "sentence"])
@pytest.mark.parametrize("unit", UNITS)
def test_files_are_prepared_as_their_text_and_again_from_the_cache_alone(by, unit, text, tmp_path):
    tokenizer = tt.Tokenizer.train(text, unit, 270)
    settings = plan(by=by, batch_size=3)
    (tmp_path / "text.txt").write_text(text)
    in_memory = prepare(text, tokenizer, tokenizer.vocab_size, settings)
    of_file = prepare(read(tmp_path / "text.txt"), tokenizer, tokenizer.vocab_size, settings)
    assert batches(of_file) == batches(in_memory)
    differ = {name for name, value in of_file.record.items() if in_memory.record[name] != value}
    assert differ == {"name", "tokens_key", "files"}
    (tmp_path / "text.txt").unlink()
    tokens = open_tokens(of_file.record["tokens_key"])
    kept = prepare(tokens, tokenizer, tokenizer.vocab_size, settings)
    assert batches(kept) == batches(of_file)
    assert kept.record == {**of_file.record, "files": None}


@pytest.mark.parametrize("by", ["stream", "sentence"])
def test_the_parts_are_the_text_s_first_and_last_without_a_copy(by, text, tokenizer):
    corpus = text if by == "sentence" else np.array(tokenizer.encode(text), np.int64)
    material = prepare(corpus, tokenizer, tokenizer.vocab_size, plan(by=by, batch_size=3, val_fraction=0.25))
    assert material.val is not None
    if by == "stream":
        train, val = material.train.ids, material.val.batches.ids
        assert np.shares_memory(train, corpus)
        assert np.shares_memory(val, corpus)
        assert [*train, *val] == corpus.tolist()
    else:
        train, val = material.train.sentences, material.val.batches.sentences
        assert np.shares_memory(train._ids, val._ids)
        assert [*train.ids, *val.ids] == [
            i for s in tt.data.split_sentences(text) for i in tokenizer.encode(s)
        ]


def test_the_rest_of_an_epoch_looks_back_as_far_as_it_is_told_at_each_batch(text, tokenizer):
    material = prepare(text, tokenizer, tokenizer.vocab_size, plan(truncation=tt.Chunk(5, 12), batch_size=2))
    course, told, shapes = Course(1, 0), iter([7, 7, 7, 2, 9, 9]), []
    for batch in material.rest_of_epoch(course, lambda: next(told)):
        shapes.append((len(batch.inputs), batch.carry))
        course.pass_by(batch)
        if course.batch == 6:
            break
    # What lies between two carried states is known only from the later one on.
    assert shapes == [(5, 0), (10, 3), (12, 5), (12, 10), (7, 0), (12, 3)]
    again = next(material.rest_of_epoch(course, lambda: 0))
    assert (len(again.inputs), again.carry, again.fresh) == (14, None, False)


def test_the_rest_of_an_epoch_of_sentences_begins_where_a_run_stands(text, tokenizer):
    material = prepare(text, tokenizer, tokenizer.vocab_size, plan(by="sentence", batch_size=3))
    course = Course(1, 0, epoch=2, batch=4)
    rest = [batch.inputs.tolist() for batch in material.rest_of_epoch(course, lambda: 0)]
    assert rest == [batch.inputs.tolist() for batch in material.train.epoch(2)][4:]


def test_without_a_held_out_part_nothing_is_scored(text, tokenizer):
    material = prepare(text, tokenizer, tokenizer.vocab_size, plan(val_fraction=0.0))
    assert material.val is None
    assert material.record["val_predictions"] == 0


def test_ids_are_recorded_by_their_hash_whatever_their_type():
    records = [
        prepare(np.arange(20).astype(dtype) % 7, None, 7, plan(batch_size=2)).record
        for dtype in (np.uint8, np.int64)
    ]
    assert records[0] == records[1]
    assert records[0]["sha256"] == hashlib.sha256((np.arange(20, dtype="<i4") % 7).tobytes()).hexdigest()
    assert records[0]["tokens_key"] is None


def test_the_work_on_a_text_is_reported(text, tokenizer):
    told = []
    prepare(text, tokenizer, tokenizer.vocab_size, plan(), told.append)
    assert told[-1].what == "tokenising"
    assert told[-1].done == told[-1].total == len(text)


def test_ids_beyond_the_model_are_refused(text, tokenizer):
    with pytest.raises(tt.TokenError, match="expected an id from 0 to 3"):
        prepare(text, tokenizer, 4, plan())


@pytest.mark.parametrize("by", ["stream", "sentence"])
def test_the_name_of_a_file_in_place_of_its_text_is_told(by, tokenizer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tt.TextError, match=r"^the .*text has"):
        prepare("mine.txt", tokenizer, tokenizer.vocab_size, plan(by=by))
    (tmp_path / "mine.txt").touch()
    with pytest.raises(
        tt.TextError, match=r"^'mine.txt' is the name of a file; .* Path\('mine.txt'\).read_text\(\)\."
    ):
        prepare("mine.txt", tokenizer, tokenizer.vocab_size, plan(by=by))
    with pytest.raises(tt.TextError, match=r"^the .*text has"):
        prepare("\0", tokenizer, tokenizer.vocab_size, plan(by=by))
