"""Sentences drawn from the network: by its probabilities, ended as they should be, never with the unknown word."""

from collections import Counter

import numpy as np
import pytest

from throughtime.article import RNN, generate_sentence

START, END, UNKNOWN = 0, 1, 2


@pytest.fixture
def model() -> RNN:
    model = RNN(word_dim=6, hidden_dim=4, seed=0)
    model.U *= 2.0
    model.V *= 3.0
    return model


def test_first_words_come_as_often_as_the_network_says(model: RNN) -> None:
    o, _ = model.forward_propagation([START])
    random = np.random.default_rng(0)
    first = Counter(tuple(generate_sentence(model, START, END, longest=1, seed=random)) for _ in range(4000))
    for word in (0, 2, 3, 4, 5):
        p = o[0, word]
        assert first[(word,)] / 4000 == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / 4000))
    assert first[()] > 0  # the sentence that ends at once


def test_later_words_see_the_whole_past(model: RNN) -> None:
    model.V *= 1e4  # so sharp that the likeliest word is the only one
    words = generate_sentence(model, START, end=5, longest=6, seed=0)
    x = [START]
    for word in words:
        o, _ = model.forward_propagation(x)
        assert word == o[-1].argmax()
        x.append(word)
    assert words


def test_the_unknown_word_is_never_written_and_the_rest_keep_their_shares(model: RNN) -> None:
    o, _ = model.forward_propagation([START])
    random = np.random.default_rng(0)
    first = Counter(tuple(generate_sentence(model, START, END, UNKNOWN, 1, random)) for _ in range(4000))
    assert (UNKNOWN,) not in first
    p = o[0, 3] / (1 - o[0, UNKNOWN])
    assert first[(3,)] / 4000 == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / 4000))


def test_a_sentence_stops_at_the_longest_and_depends_on_the_seed_alone(model: RNN) -> None:
    model.V[END] = 0.0
    model.V[3] = -10.0
    sentences = [generate_sentence(model, START, END, longest=9, seed=seed) for seed in (7, 7, 8)]
    assert sentences[0] == sentences[1]
    assert all(len(sentence) <= 9 and END not in sentence for sentence in sentences)


def test_arguments_that_make_no_sentence_are_refused(model: RNN) -> None:
    with pytest.raises(ValueError, match=r"^longest is 0; expected at least 1 word"):
        generate_sentence(model, START, END, longest=0)
    with pytest.raises(IndexError, match=r"^word index 6; expected 0\.\.5"):
        generate_sentence(model, START, end=6)
    with pytest.raises(ValueError, match=r"^end and unknown are both 1; expected two words"):
        generate_sentence(model, START, END, unknown=1)
