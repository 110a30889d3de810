"""The settings of a study in words."""

from tests.study.results import found, result

from throughtime.study.plan import Study
from throughtime.study.settings import apart, common

TRIALS = [
    *found("sgd", 20, result(), max_steps=50_000),
    *found("sgd", (30, 40), result(), max_steps=90_000),
    *found("clipped", 20, result(), clip_norm="1", max_steps=50_000),
    *found("GRU", 20, result(), cell="gru", lr=0.5, max_steps=50_000),
]
STUDY = Study("s", tuple(each.planned for each in TRIALS), {})


def test_common_settings_are_told_if_they_are_used():
    told = common(STUDY)
    assert told["task"] == "temporal-order"
    assert told["hidden size"] == "50"
    assert told["optimizer"] == "sgd"
    assert not {"omega", "clip value", "schedule", "cell", "learning rate", "length", "seed"} & set(told)


def test_ways_are_told_apart_by_what_is_not_one_for_all():
    assert apart(STUDY) == {
        "sgd": {
            "cell": "tanh rnn",
            "learning rate": "0.01",
            "clip norm": "off",
            "updates at most": "50,000, 90,000",
        },
        "clipped": {
            "cell": "tanh rnn",
            "learning rate": "0.01",
            "clip norm": "1",
            "updates at most": "50,000",
        },
        "GRU": {"cell": "gru", "learning rate": "0.5", "clip norm": "off", "updates at most": "50,000"},
    }
