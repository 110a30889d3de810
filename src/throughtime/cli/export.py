"""`throughtime export`: a trained model for other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run directory of throughtime train or import.")
    ],
    format_: Annotated[
        Literal["onnx", "torch"],
        typer.Option(
            "--format",
            help="ONNX graphs, of a sequence and of one step; or a PyTorch state_dict with the module that loads it.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="A new or empty directory, or one that an earlier export has written.",
            metavar="DIR",
            show_default="RUN/onnx or RUN/torch",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when the verb succeeds.")
    ] = False,
) -> None:
    """Write a trained model for other programs: as ONNX graphs, or for PyTorch.

    ONNX needs pip install 'throughtime[onnx]', and the graphs are held against the model in onnxruntime before they are
    written. PyTorch's files need nothing more. The tokenizer lies beside them, in the format of Hugging Face tokenizers.
    """
    directory = Path(out or Path(run, format_))
    if format_ == "onnx":
        _export_onnx(run, directory, as_json)
    else:
        _export_torch(run, directory, as_json)


def _export_onnx(run: str, directory: Path, as_json: bool) -> None:
    from throughtime import onnx  # first, as it may not be there
    from throughtime.training.metrics import to_json
    from throughtime.training.run import load

    found = onnx.export(load(run), directory)
    assert found.error is not None  # graphs are held against the model
    if as_json:
        record = {"error": found.error, "tolerance": onnx.TOLERANCE, "rounded": found.rounded}
        print(to_json({"run": run, "format": "onnx", "out": str(directory), "files": found.files, **record}))
        return
    print(f"{', '.join(found.files)} lie in {directory}.")
    print(f"In onnxruntime they give what the model gives, within {found.error:.1e} of the largest value.")
    if found.error > onnx.TOLERANCE:
        print("That is rounding: the network is chaotic, and makes much of its own, too.")
    if found.rounded:
        print(
            "The model's float64 was rounded to float32: onnxruntime's recurrent operators know no other type."
        )


def _export_torch(run: str, directory: Path, as_json: bool) -> None:
    from throughtime.exchange import export_torch
    from throughtime.training.metrics import to_json
    from throughtime.training.run import load

    found = export_torch(load(run), directory)
    if as_json:
        print(to_json({"run": run, "format": "torch", "out": str(directory), "files": found.files}))
        return
    print(f"{', '.join(found.files)} lie in {directory}. In Python, from there:")
    print("  from model import load")
    print("  logits, state = load()(ids)")
