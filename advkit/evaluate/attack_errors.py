"""Errors for a user's own attack that fails or returns something that is not an image."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from advkit.errors import AdvkitError, InputError
from advkit.evaluate.memory import is_out_of_memory


@contextmanager
def blamed(label: str) -> Iterator[None]:
    """Convert an exception of the attack into an InputError that names the attack and the line."""
    try:
        yield
    except AdvkitError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"the attack {label} failed: {type(error).__name__}: {error}",
            f"at {place.filename}:{place.lineno}",
            code="E304",
        ) from error


def check_returned(label: str, x_adv: Tensor, x: Tensor) -> None:
    """Raise InputError unless ``x_adv`` is a tensor of the shape of ``x``."""
    if not isinstance(x_adv, Tensor) or x_adv.shape != x.shape:
        what = tuple(x_adv.shape) if isinstance(x_adv, Tensor) else type(x_adv).__name__
        raise InputError(
            f"the attack {label} returned {what}, not images of shape {tuple(x.shape)}",
            "return one image for each that was given",
            code="E304",
        )
