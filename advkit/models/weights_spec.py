"""Weights in any file that may be read, as tensors by name."""

from torch import Tensor

from advkit.models.load_gate import kind_of, read_judged
from advkit.models.load_policy import admit
from advkit.models.torch_file import holds_tensors_alone, tensors_of, unwrapped
from advkit.models.weights_file import read_weights


def read_any_weights(path: str) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights in ``path`` (safetensors, or a state dict by torch.save), and notes.

    Raises InputError, and UnsafeError for what can run code and is not trusted.
    """
    data, refusal = read_judged(path)
    if refusal is None:
        return read_weights(path).tensors, []
    if holds_tensors_alone(data):
        return tensors_of(data, path)
    note = admit(data, refusal)
    from advkit.models.code_file import load_code

    tensors, notes = unwrapped(load_code(data, kind_of(data), path), path)
    return tensors, [note, *notes]
