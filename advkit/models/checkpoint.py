"""Checkpoints of an unfinished training: weights, the state of Adam, the best weights so far."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advkit.errors import InputError
from advkit.models.weights_file import fill, read_weights, write_weights


def checkpoint_of(out: Path) -> Path:
    """Return the path of the checkpoint of the training that writes ``out``."""
    return out.with_name(f"{out.name}.checkpoint")


def save_checkpoint(
    path: Path,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
    about: dict[str, Any],
) -> None:
    """Write the state; ``about`` holds the step, the scores and the fixed settings."""
    tensors = {f"net/{name}": tensor for name, tensor in net.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    for name, parameter in net.named_parameters():
        for key, tensor in optimizer.state[parameter].items():
            tensors[f"adam/{name}/{key}"] = tensor
    write_weights(path, tensors, about)


def load_checkpoint(
    path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, fixed: dict[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load the state into ``net`` and ``optimizer``; return the best weights and ``about``.

    Raises InputError if the training was started with other settings than ``fixed``.
    """
    tensors, about = read_weights(path)
    if about is None or "fixed" not in about:
        raise InputError(f"{path} is not a checkpoint of advkit train", "delete it", code="E302")
    begun, now = _flat(about["fixed"]), _flat(fixed)
    differ = [key for key in now if begun.get(key) != now[key]]
    told = ", ".join(_begun_with(key, begun.get(key), now[key]) for key in differ)
    if told:
        raise InputError(
            f"{path} was started with {told}",
            "repeat the first command, or delete the checkpoint",
            code="E312",
        )
    groups: dict[str, dict[str, Tensor]] = {"net": {}, "best": {}, "adam": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition("/")
        groups[group][rest] = tensor
    fill(net, groups["net"], str(path))
    for name, parameter in net.named_parameters():
        optimizer.state[parameter] = {
            key: _like(parameter, groups["adam"][f"{name}/{key}"])
            for key in ("step", "exp_avg", "exp_avg_sq")
        }
    return groups["best"], about


def _begun_with(key: str, begun: Any, now: Any) -> str:
    """Return in words what the training was started with; digests are not shown."""
    if key != "data":
        return f"{key} {begun} (now {now})"
    then, here = (
        ", ".join(f"{name} {each[name]}" for name in sorted(each or {}) if name != "sha256")
        for each in (begun, now)
    )
    return f"other images: {then} (now {here})" if then != here else f"other images of {here}"


def _flat(fixed: dict[str, Any]) -> dict[str, Any]:
    """Return the description with the options of the training at the top level."""
    return {**{k: v for k, v in fixed.items() if k != "training"}, **fixed["training"]}


def _like(parameter: Tensor, tensor: Tensor) -> Tensor:
    # In the memory layout of the weights, as in Adam: rounding may depend on it.
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter, requires_grad=False).copy_(tensor)
