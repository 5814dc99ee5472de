"""Weights in any readable file, as tensors by name."""

from torch import Tensor

from advkit.errors import UnsafeError
from advkit.models.load_gate import kind_of
from advkit.models.load_policy import admit
from advkit.models.torch_file import holds_tensors_alone, tensors_of, unwrapped
from advkit.models.weights_file import weights_in


def any_weights_in(
    data: bytes, refusal: UnsafeError | None, path: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights that `read_judged` got from ``path``, and notes.

    They are safetensors, or a state dict of torch.save. Raises InputError, and ``refusal`` for
    untrusted files that can run code.
    """
    if refusal is None:
        return weights_in(data, path).tensors, []
    if holds_tensors_alone(data):
        return tensors_of(data, path)
    note = admit(data, refusal)
    from advkit.models.code_file import load_code

    tensors, notes = unwrapped(load_code(data, kind_of(data), path), path)
    return tensors, [note, *notes]
