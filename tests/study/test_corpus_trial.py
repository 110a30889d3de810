"""A trial on a text: what `fit` gives, and how far the gradient reached before and after."""

from dataclasses import asdict, replace

import pytest

import throughtime as tt
from throughtime.data.corpus import Corpus
from throughtime.study.corpus_trial import CorpusTrial

RHYME = Corpus("a rhyme", "one two, buckle my shoe\nthree four, knock at the door\n" * 30)
SMALL = CorpusTrial(
    corpus=RHYME.name,
    sha256=RHYME.sha256,
    hidden_size=12,
    lr=0.02,
    truncation="chunk:10",
    batch_size=4,
    max_steps=40,
)


def run(trial):
    return trial.run({RHYME.sha256: RHYME})


def numbers(result):
    return {name: value for name, value in asdict(result).items() if name != "seconds"}


def test_trial_is_what_fit_gives():
    result = run(SMALL)
    tokenizer = tt.Tokenizer.train(RHYME)
    fitted = tt.fit(
        tt.LanguageModel(tokenizer.vocab_size, 12, cell="rnn", seed=0),
        RHYME,
        tokenizer=tokenizer,
        optimizer=tt.Adam(0.02),
        truncation=tt.Chunk(10),
        batch_size=4,
        max_steps=40,
    )
    assert (result.ended, result.steps) == ("finished", 40)
    assert result.val_loss == fitted.finished.val_loss
    assert result.val_bits_per_char == fitted.finished.val_bits_per_char
    assert result.error_rate is None
    assert not result.success


def test_horizons_are_of_the_first_probe_and_the_last():
    result, longer = run(SMALL), run(replace(SMALL, max_steps=80))
    assert result.horizon_before == longer.horizon_before >= 0
    assert result.horizon_after != result.horizon_before
    assert run(replace(SMALL, max_steps=1)).horizon_after is not None


def test_same_trial_gives_the_same_numbers_and_another_seed_others():
    assert numbers(run(SMALL)) == numbers(run(SMALL))
    assert run(SMALL).val_loss != run(replace(SMALL, seed=1)).val_loss


def test_settings_act():
    losses = [
        run(each).val_loss
        for each in (
            SMALL,
            replace(SMALL, cell="gru"),
            replace(SMALL, clip_norm="0.01"),
            replace(SMALL, omega=4.0),
            replace(SMALL, truncation="window:1", seq_len=10),
            replace(SMALL, embedding_size=5),
            replace(SMALL, dropout=0.5, num_layers=2),
            replace(SMALL, init="weight_hh=orthogonal"),
            replace(SMALL, optimizer="momentum", momentum=0.5),
            replace(SMALL, unit="word", vocab_size=8),
        )
    ]
    assert len({*losses}) == len(losses)


def test_divergence_is_a_result():
    result = run(replace(SMALL, nonlinearity="relu", optimizer="sgd", lr=1e9))
    assert (result.ended, result.val_loss, result.horizon_after) == ("diverged", None, None)
    assert result.horizon_before is not None
    assert result.steps < 40


def test_words_have_no_bits_per_character():
    result = run(replace(SMALL, unit="word", vocab_size=8))
    assert result.val_loss > 0
    assert result.val_bits_per_char is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seq_len": 5}, "seq_len=5 found with"),
        ({"truncation": "chunk:0"}, "Chunk(0) found"),
        ({"omega": 1.0, "cell": "gru"}, "omega"),
        ({"unit": "syllable"}, "syllable"),
        ({"unit": "bpe", "vocab_size": 20}, "vocab_size"),
        ({"dropout": 2.0}, "dropout"),
        ({"val_fraction": 1.5}, "val_fraction"),
        ({"batch_size": 0}, "batch_size=0 found"),
    ],
)
def test_bad_setting_is_refused_before_anything_runs(wrong, said):
    with pytest.raises(tt.InputError) as caught:
        replace(SMALL, **wrong)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
