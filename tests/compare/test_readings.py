"""What is said of the outcomes, and the rows of their table."""

import pytest
from tests.compare.conftest import outcome

from throughtime.compare.readings import headings, readings, row, unit_of, updates_made


def said(*outcomes):
    return "\n".join(readings(outcomes))


def scored(name, loss, bits=None, **numbers):
    return outcome(name, val_loss=loss, val_bits_per_char=bits, train_loss=9.0, steps=20, **numbers)


def test_the_scores_are_ranked():
    line = said(scored("a", 2.0, 3.0), scored("b", 1.0, 1.5), scored("c", 3.0, 4.5))
    assert (
        "On the held-out text, from best to worst in bits per character: b 1.500, a 3.000, c 4.500." in line
    )


def test_the_scores_are_perplexities_where_one_has_no_bits():
    several = [scored("a", 2.0, 3.0), scored("b", 1.0)]
    assert unit_of(several).heading == "perplexity"
    assert "in perplexity: b 2.718, a 7.389." in said(*several)
    assert row(several[0], unit_of(several))[2] == "7.389"


@pytest.mark.parametrize(("bits", "told"), [(True, ("1.443", "2.885")), (False, ("2.718", "7.389"))])
def test_the_scores_are_of_the_training_text_where_nothing_is_held_out(bits, told):
    several = [
        outcome(name, train_loss=loss, train_bits_per_char=loss / 0.693147 if bits else None, steps=20)
        for name, loss in (("a", 2.0), ("b", 1.0))
    ]
    unit = unit_of(several)
    assert headings(unit)[2] == f"training {'bits/char' if bits else 'perplexity'}"
    assert f": b {told[0]}, a {told[1]}." in said(*several)
    assert "On the training text, in the last tenth of the updates" in said(*several)
    assert row(several[1], unit)[2] == told[0]


def test_a_divergence_before_the_first_score_does_not_bring_in_another_text():
    several = [scored("a", 2.0, 3.0), outcome("burst", "diverged", train_loss=5.0, train_bits_per_char=7.2)]
    unit = unit_of(several)
    assert unit.heading == "bits/char"
    assert row(several[1], unit)[2] == "-"


def test_a_variant_that_diverged_is_not_ranked():
    several = [scored("a", 2.0, 3.0), scored("burst", 1.0, 1.5, state="diverged"), scored("b", 3.0, 4.5)]
    assert "in bits per character: a 3.000, b 4.500." in said(*several)


def test_the_updates_are_told_where_they_differ():
    several = [outcome("a", steps=20), outcome("b", steps=1_200), outcome("c", "to come")]
    assert updates_made(several) == [20, 1200]
    assert "Not all have learned for as long. Updates made: a 20, b 1,200." in said(*several)
    assert "Updates made" not in said(outcome("a", steps=20), outcome("b", steps=20), outcome("c", "to come"))


def test_the_horizons_are_ranked_and_those_of_diverged_variants_kept_apart():
    several = [
        outcome("a", horizon_last=40, censored_last=True, falls_last=False),
        outcome("b", horizon_last=3, censored_last=False, falls_last=True),
        outcome("burst", "diverged", horizon_last=2, censored_last=True, falls_last=False, probe_last=0),
    ]
    line = said(*several)
    assert "at the last probe: b 3, a at least 40." in line
    assert "does not fall off in a." in line
    assert "The same in what diverged, at the last probe before: burst at least 2 at step 0." in line
    assert "how many lags" not in said(several[2]).casefold()


def test_clipping_is_told():
    line = said(outcome("a", clipped_share=0.25), outcome("b", clipped_share=0.0))
    assert line == "Updates whose gradient clipping shortened: a 25.0%."


@pytest.mark.parametrize(("at", "told"), [(7, "diverged at step 7"), (None, "diverged")])
def test_a_divergence_is_told_wherever_it_was(at, told):
    several = [
        outcome("a", "diverged", diverged_at=at),
        outcome("b", "diverged", diverged_at=at, best_step=1_000),
    ]
    line = said(*several)
    assert f"a {told}.\n" in line
    assert f"b {told}; its weights of step 1,000 are the ones scored." in line
    assert row(several[0], unit_of(several))[-1] == told.replace("step ", "")


@pytest.mark.parametrize(
    ("half_life", "falls", "told"),
    [
        (None, False, "infinite"),
        (None, True, "-"),
        (None, None, "-"),
        (2.345, True, "2.35"),
        (4e4, True, "40,000"),
    ],
)
def test_a_half_life_is_told_in_the_table(half_life, falls, told):
    one = outcome(
        "a",
        probe_first=0,
        half_life_first=1.0,
        falls_first=True,
        probe_last=9,
        half_life_last=half_life,
        falls_last=falls,
    )
    assert row(one, unit_of([one]))[4] == f"1 to {told}"


def test_a_variant_to_come_has_an_empty_row():
    one = outcome("a", "to come")
    assert row(one, unit_of([one])) == ("a", "10", "-", "-", "-", "-")


def test_a_row_tells_the_horizons_and_the_time():
    one = outcome(
        "a", seconds=83.6, horizon_first=5, censored_first=False, horizon_last=100, censored_last=True
    )
    assert row(one, unit_of([one]))[3:] == ("5 to >=100", "-", "1:24")
