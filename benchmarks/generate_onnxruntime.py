"""A text by a character LSTM in onnxruntime: one call a character, the state going in and out by name."""

import numpy as np
import onnxruntime

import throughtime as tt
from benchmarks.peers import Timed
from benchmarks.tasks import Generation
from throughtime.onnx import step_graph


def make_text(task: Generation) -> Timed:
    """One text, from its first character to its last, by the graph that `throughtime export` writes.

    Inputs and outputs are bound once, the state to two places that take turns: a tenth faster than plain calls.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = tt.LanguageModel(
        task.vocab_size, task.hidden_size, "lstm", embedding_size=task.embedding_size, seed=0
    )
    session = onnxruntime.InferenceSession(
        step_graph(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    place = onnxruntime.OrtValue.ortvalue_from_numpy
    zeros = np.zeros((1, 1, task.hidden_size), np.float32)
    ids, logits = place(np.zeros(1, np.int64)), place(np.zeros((1, task.vocab_size), np.float32))
    # An OrtValue shares its array's memory.
    states = [{name: place(zeros.copy()) for name in ("h", "c")} for _ in range(2)]
    calls = []
    for before, after in (states, states[::-1]):
        call = session.io_binding()
        call.bind_ortvalue_input("ids", ids)
        call.bind_ortvalue_output("logits", logits)
        for name in ("h", "c"):
            call.bind_ortvalue_input(name, before[name])
            call.bind_ortvalue_output(f"{name}_out", after[name])
        calls.append(call)

    def write() -> list[int]:
        rng = np.random.default_rng(0)
        text = [0]
        for value in states[0].values():
            value.update_inplace(zeros)
        for n in range(task.length):
            ids.update_inplace(np.array([text[-1]]))
            session.run_with_iobinding(calls[n % 2])
            x = logits.numpy()[0]
            cumulative = np.cumsum(np.exp(x - x.max()))
            drawn = int(cumulative.searchsorted(rng.random() * cumulative[-1], side="right"))
            text.append(min(drawn, task.vocab_size - 1))
        return text[1:]

    return Timed(write, "one call a token, bound in place, float32, 1 thread, temperature 1", task.length)
