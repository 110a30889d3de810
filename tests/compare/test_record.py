"""compare.json: what is damaged is refused before it is used."""

import copy
import json

import pytest

import throughtime as tt
from throughtime.compare.record import load_record, save


def test_a_record_is_read_as_it_was_written(compared):
    assert load_record(compared.path) == compared.record


def damage(record, *path, value=None, remove=False):
    place = record
    for key in path[:-1]:
        place = place[key]
    if remove:
        del place[path[-1]]
    else:
        place[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "change", "found"),
    [
        (("variants",), {"value": []}, "it has no variants"),
        (("variants",), {"value": {}}, "variants is {}"),
        (("variants", 0), {"value": 3}, "variants[0] is no object"),
        (("variants", 0, "settings"), {"remove": True}, "it lacks variants[0].settings"),
        (("variants", 1, "settings", "training"), {"value": None}, "variants[1].settings.training is None"),
        (("variants", 1, "settings", "training", "optimizer"), {"value": "adam"}, "variants[1].settings.training.optimizer is 'adam'"),
        (("variants", 0, "horizon_last"), {"value": "12"}, "variants[0].horizon_last is '12'"),
        (("variants", 0, "parameters"), {"value": None}, "variants[0].parameters is None"),
        (("variants", 0, "parameters"), {"value": True}, "variants[0].parameters is True"),
        (("variants", 0, "parameters"), {"value": 1.5}, "variants[0].parameters is 1.5"),
        (("variants", 0, "seconds"), {"value": 1e400}, "variants[0].seconds is inf"),
        (("variants", 0, "falls_last"), {"value": 1}, "variants[0].falls_last is 1"),
        (("variants", 0, "state"), {"value": "ended"}, "variants[0].state is 'ended'"),
        (("variants", 0, "variant"), {"value": 1}, "variants[0].variant is 1"),
        (("variants", 0, "options"), {"value": []}, "variants[0].options is []"),
        (("corpus", "tokens"), {"value": "many"}, "corpus.tokens is 'many'"),
        (("corpus",), {"value": []}, "corpus is []"),
        (("tokenizer",), {"remove": True}, "it lacks tokenizer"),
        (("setting",), {"value": None}, "setting is None"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_refused(compared, tmp_path, path, change, found):
    record = copy.deepcopy(compared.record)
    damage(record, *path, **change)
    (tmp_path / "compare.json").write_text(json.dumps(record))
    with pytest.raises(tt.RunError) as error:
        load_record(tmp_path)
    assert f"compare.json is damaged: {found}; expected" in str(error.value)


@pytest.mark.parametrize("content", ["3", "[]", "null"])
def test_a_record_that_is_no_object_is_refused(tmp_path, content):
    (tmp_path / "compare.json").write_text(content)
    with pytest.raises(tt.RunError, match="it is no object"):
        load_record(tmp_path)


def test_every_number_of_an_outcome_may_be_missing(compared, tmp_path):
    record = copy.deepcopy(compared.record)
    for entry in record["variants"]:
        entry["seconds"] = 3  # as JSON from elsewhere may have it
        entry["horizon_last"] = entry["val_loss"] = entry["stopped"] = None
    save(tmp_path, record)
    assert load_record(tmp_path) == record
