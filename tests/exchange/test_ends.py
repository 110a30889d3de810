import numpy as np
import pytest

import throughtime as tt
from throughtime.exchange.ends import Ends, find_ends

I, H, V = 5, 6, 9


def tensors(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name.replace("__", "."): np.zeros(shape, np.float32) for name, shape in shapes.items()}


def test_shapes_tell_embedding_and_readout_apart_whatever_they_are_called():
    found = find_ends(tensors(readout__weight=(V, I), embedding__weight=(V, H)), I, H)
    assert found == Ends("readout.weight", "embedding.weight", None)


def test_one_hot_input_has_no_embedding():
    found = find_ends(tensors(fc__weight=(V, H), fc__bias=(V,)), V, H)
    assert found == Ends(None, "fc.weight", "fc.bias")


def test_one_table_may_serve_both():
    found = find_ends(tensors(encoder__weight=(V, H), decoder__bias=(V,)), H, H)
    assert found == Ends("encoder.weight", "encoder.weight", "decoder.bias")


def test_of_equal_shapes_the_one_with_a_bias_is_the_readout():
    found = find_ends(tensors(a__weight=(V, H), a__bias=(V,), b__weight=(V, H)), H, H)
    assert found == Ends("b.weight", "a.weight", "a.bias")


@pytest.mark.parametrize(
    ("embedding", "readout"),
    [("encoder", "decoder"), ("word_emb", "b"), ("a", "head"), ("embed_in", "embed_out"), ("tok", "fc_out")],
)
def test_of_equal_shapes_names_tell(embedding, readout):
    for order in (1, -1):
        shapes = {f"{name}__weight": (V, H) for name in (embedding, readout)[::order]}
        found = find_ends(tensors(**shapes), H, H)
        assert found == Ends(f"{embedding}.weight", f"{readout}.weight", None)


def test_where_names_do_not_tell_the_user_does():
    both = tensors(a__weight=(V, H), b__weight=(V, H))
    with pytest.raises(
        tt.WeightsError, match=r"a.weight \(9, 6\), b.weight \(9, 6\) found, which may each be"
    ):
        find_ends(both, H, H)
    expected = Ends("b.weight", "a.weight", None)
    assert find_ends(both, H, H, readout="a") == expected
    assert find_ends(both, H, H, readout="a.weight") == expected
    assert find_ends(both, H, H, embedding="b") == expected
    with pytest.raises(tt.WeightsError, match=r"readout 'c' found, which is no matrix of the file; expected"):
        find_ends(both, H, H, readout="c")


def test_a_single_square_matrix_is_both_where_it_is_called_an_embedding():
    found = find_ends(tensors(embedding__weight=(H, H)), H, H)
    assert found == Ends("embedding.weight", "embedding.weight", None)


@pytest.mark.parametrize("name", ["decoder", "a", "embed_out"])
def test_a_single_square_matrix_by_another_name_is_what_the_user_says(name):
    weight, only = f"{name}.weight", tensors(**{f"{name}__weight": (H, H)})
    with pytest.raises(
        tt.WeightsError, match=r"or embedding and readout in one; expected .* --embedding NAME"
    ):
        find_ends(only, H, H)
    assert find_ends(only, H, H, readout=name) == Ends(None, weight, None)
    assert find_ends(only, H, H, embedding=name) == Ends(weight, weight, None)


def test_a_table_for_both_may_be_named_as_the_readout():
    assert find_ends(tensors(a__weight=(V, H)), H, H, readout="a") == Ends("a.weight", "a.weight", None)


PARTS = {"emb__weight": (V, I), "fc__weight": (V, H), "fc__bias": (V,)}


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            {},
            r"nothing found beside the recurrent layers; expected an embedding \(V, 5\) and a readout \(V, 6\)",
        ),
        ({"emb__weight": (V, I)}, r"emb.weight \(9, 5\) found beside"),
        ({"fc__weight": (V, H)}, r"fc.weight \(9, 6\) found beside"),
        ({**PARTS, "emb__weight": (V + 1, I)}, r"emb.weight \(10, 5\), fc.weight \(9, 6\) found beside"),
        (
            {**PARTS, "proj__weight": (H, H)},
            r"proj.weight \(6, 6\) found beside the recurrent layers; expected",
        ),
        ({**PARTS, "norm__weight": (H,)}, r"norm.weight of shape \(6,\) found; expected an embedding, rec"),
        ({**PARTS, "steps": ()}, r"steps of shape \(\) found; expected"),
    ],
)
def test_what_is_missing_or_too_much_is_refused(shapes, message):
    with pytest.raises(tt.WeightsError, match=message) as caught:
        find_ends(tensors(**shapes), I, H)
    assert "\n" not in str(caught.value)
