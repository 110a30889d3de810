"""What a study's numbers say, in rows and sentences."""

from dataclasses import replace

from tests.study.results import found, result

from throughtime.study.corpus_trial import CorpusTrial
from throughtime.study.plan import Planned
from throughtime.study.readings import headings, readings, row, success
from throughtime.study.run import Found
from throughtime.study.summary import groups_of

CAPPED, DIVERGED = result("steps", steps=50_000), result("diverged", horizon_after=None)
LENGTHS = [
    *found("sgd", 20, result(), result()),
    *found("sgd", 30, result(), CAPPED),
    *found("sgd", 40, result(), result()),
    *found("clipped", 20, result(), result()),
    *found("clipped", 30, result(), result()),
    *found("clipped", 40, CAPPED, DIVERGED),
    *found("none", 20, CAPPED, CAPPED),
]


def text(way, seed, loss, bits):
    trial = CorpusTrial(corpus="a rhyme", sha256="0" * 64, hidden_size=4, seed=seed)
    ended = "diverged" if loss is None else "finished"
    scores = {"error_rate": None, "val_loss": loss, "val_bits_per_char": bits}
    return Found(Planned(way, trial), result(ended, horizon_after=5, horizon_after_censored=True, **scores))


def test_reach_ends_at_the_first_length_that_not_all_have_learned():
    said = readings(groups_of(LENGTHS))
    assert said[0].endswith("every trial succeeded: sgd 20; clipped 30; none none.")


def test_caps_are_no_failures():
    said = readings(groups_of(LENGTHS))
    assert said[1].startswith("4 of 14 trials were capped. A trial that met a cap")
    assert said[2] == "1 of 14 trials diverged."
    assert success(groups_of(LENGTHS)[5]) == "0 of 2 (1 capped, 1 diverged)"
    assert not [line for line in said if "fail" in line and "has not failed" not in line]


def test_row_has_what_its_headings_say():
    groups = groups_of(LENGTHS)
    told = dict(zip(headings(groups), row(groups[1], groups), strict=True))
    assert told == {
        "way": "sgd",
        "length": "30",
        "succeeded": "1 of 2",
        "capped": "1",
        "updates to success": "3,000",
        "diverged": "0",
        "horizon before": "9",
        "after": "19",
        "time each": "0:02",
    }
    both = groups_of([*LENGTHS, *found("sgd", 20, result(), task="adding")])
    assert dict(zip(headings(both), row(both[0], both), strict=True))["on"] == "temporal-order"


def test_one_length_is_told_by_how_many_succeeded():
    said = readings(groups_of([*found("tanh", 100, CAPPED, CAPPED), *found("GRU", 100, result(), CAPPED)]))
    assert said[0] == "temporal-order, length 100: so many trials succeeded: tanh 0 of 2; GRU 1 of 2."


def test_texts_are_ranked_by_their_mean_loss():
    groups = groups_of(
        [
            text("tanh", 0, 2.0, 2.9),
            text("tanh", 1, 1.0, 1.5),
            text("gru", 0, 1.2, 1.7),
            text("gru", 1, None, None),
        ]
    )
    told = dict(zip(headings(groups), row(groups[1], groups), strict=True))
    assert (told["bits/char"], told["diverged"], told["after"]) == ("1.7000", "1", "at least 5")
    said = readings(groups)
    assert said[0] == (
        "a rhyme: from best to worst in bits per character, on held-out text, mean over the seeds: gru 1.700 (1 of 2 diverged); tanh 2.200."
    )
    words = groups_of([text("tanh", 0, 2.0, None), text("gru", 0, 1.2, None)])
    assert "loss" in headings(words)
    assert "nats per token" in readings(words)[0]


def test_losses_of_different_tokens_are_not_ranked():
    words = replace(text("words", 0, 1.2, None).planned.trial, unit="word")
    both = [
        text("characters", 0, 2.0, None),
        Found(Planned("words", words), text("words", 0, 1.2, None).result),
    ]
    assert readings(groups_of(both)) == []
    assert readings(groups_of([both[0], text("bytes", 0, 1.0, None)])) != []


def test_other_versions_and_processors_are_told():
    here, there = (result(version="1.0", processor=name) for name in ("Xeon", "EPYC"))
    assert not [line for line in readings(groups_of(found("sgd", 20, here, here))) if "Xeon" in line]
    said = readings(groups_of(found("sgd", 20, here, there)))
    assert said[-1].endswith("by where trials ran: version 1.0 on EPYC; version 1.0 on Xeon.")
