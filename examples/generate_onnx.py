"""Text by an exported model, with onnxruntime, tokenizers and NumPy alone.

throughtime export runs/mine --format onnx
python examples/generate_onnx.py runs/mine/onnx "The "
"""

import json
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

LENGTH, TEMPERATURE = 300, 0.7

directory, prompt = sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__.splitlines()[-1])
tokenizer = Tokenizer.from_file(f"{directory}/tokenizer.json")
step = onnxruntime.InferenceSession(f"{directory}/step.onnx")
_, *states = step.get_inputs()  # ids, then h and for LSTM c: (num_layers, batch, hidden_size)
state = {each.name: np.zeros((each.shape[0], 1, each.shape[2]), np.float32) for each in states}
never = json.loads(step.get_modelmeta().custom_metadata_map["special_ids"])  # <unk>, <pad> and such

try:
    ids = tokenizer.encode(prompt).ids
except Exception as error:  # noqa: BLE001  # tokenizers' own: nothing stands for the unknown
    sys.exit(f"{prompt!r} has what the model's vocabulary lacks ({error}).")
if not ids:
    sys.exit("The prompt is empty; give the beginning of a text.")
rng = np.random.default_rng()
for n in range(len(ids) + LENGTH):
    logits, *left = step.run(None, {"ids": np.array(ids[n : n + 1]), **state})
    state = dict(zip(state, left, strict=True))
    if n + 1 == len(ids):
        logits[0, never] = -np.inf
        p = np.exp((logits[0] - logits.max()) / TEMPERATURE)
        ids.append(int(rng.choice(len(p), p=p / p.sum())))
print(tokenizer.decode(ids))
