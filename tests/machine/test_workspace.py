import numpy as np

from throughtime.machine.workspace import Workspace


def test_same_name_and_type_is_the_same_memory_while_it_is_large_enough():
    workspace = Workspace()
    first = workspace.empty("a", (4, 3), np.float32)
    assert np.shares_memory(first, workspace.empty("a", (2, 5), np.float32))
    assert not np.shares_memory(first, workspace.empty("a", (4, 4), np.float32))


def test_other_names_types_and_buffers_are_other_memory():
    workspace = Workspace()
    first = workspace.empty("a", (4,), np.float32)
    for other in (
        workspace.empty("b", (4,), np.float32),
        workspace.empty("a", (4,), np.float64),
        Workspace().empty("a", (4,), np.float32),
    ):
        assert not np.shares_memory(first, other)


def test_array_has_its_shape_and_type_and_is_contiguous():
    array = Workspace().empty("a", (2, 0, 3), "float64")
    assert array.shape == (2, 0, 3)
    assert array.dtype == np.float64
    assert array.flags.c_contiguous


def test_zeros_clears_what_was_there():
    workspace = Workspace()
    workspace.empty("a", (6,), np.float32)[:] = 7
    assert (workspace.zeros("a", (2, 2), np.float32) == 0).all()
