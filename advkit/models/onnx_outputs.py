"""Which output of an ONNX model holds the scores."""

from typing import Any

from advkit.errors import InputError, UnknownNameError, did_you_mean

FLOAT32, SCORES = 1, (1, 10, 11, 16)
"""`onnx.TensorProto.FLOAT`; it, FLOAT16, DOUBLE and BFLOAT16."""


def keep_one_output(model: Any, path: str, wanted: str = "") -> list[str]:
    """Remove all outputs of ``model`` but ``wanted``, or the first; return notes for the report.

    Raises UnknownNameError if there is no such output, InputError if it holds no floats.
    """
    outputs = list(model.graph.output)
    names = [each.name for each in outputs]
    if wanted and wanted not in names:
        raise UnknownNameError(f"{path} has no output {wanted!r}", did_you_mean(wanted, names))
    kept = outputs[names.index(wanted) if wanted else 0]
    others = [name for name in names if name != kept.name]
    if kept.type.tensor_type.elem_type not in SCORES:
        told = ", ".join(f"{each.name} ({kind_of_value(each)})" for each in outputs)
        raise InputError(
            f"{path}: the output {kept.name} holds no scores; it has the outputs {told}",
            f"say which output holds the logits: '{path}?output={others[0]}'" if others
            else "export it with logits as the output",
        )  # fmt: skip
    del model.graph.output[:]
    model.graph.output.append(kept)
    if wanted or not others:
        return []
    return [
        f"{path} has the outputs {', '.join(names)}; the first is taken for the logits, unless "
        f"'{path}?output={others[0]}' says which"
    ]


def kind_of_value(value: Any) -> str:
    """Return the type of the entries of an input or output: float16, int64, sequence."""
    from onnx import TensorProto

    if not value.type.HasField("tensor_type"):
        return str(value.type.WhichOneof("value") or "unknown").removesuffix("_type")
    return str(TensorProto.DataType.Name(value.type.tensor_type.elem_type)).lower()
