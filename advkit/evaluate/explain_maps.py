"""One method on the images of a run, and the state that all stages of the run share."""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from advkit.attacks import Member
from advkit.data.samples import Samples
from advkit.errors import InapplicableError
from advkit.evaluate.explain_plan import Plan
from advkit.evaluate.stage_context import Progress
from advkit.insight.cam import enlarged
from advkit.insight.grids import last_map
from advkit.insight.maps import reduced
from advkit.insight.method_input import Look
from advkit.insight.methods import ABOUT, asked
from advkit.insight.targets import Target

Maps = dict[str, Tensor]
"""Maps by the label of their method: (n, h, w), at the method's own size."""


class Scene(NamedTuple):
    """The state that every stage of a run shares."""

    look: Look
    target: Target
    samples: Samples
    plan: Plan
    out: Path
    progress: Progress
    names: tuple[str, ...] | None
    """Class names of the model."""


def file_name(label: str) -> str:
    """Return the name of a method's array without suffix: its label in plain letters."""
    return "".join(c if c.isalnum() or c in "_.-" else "-" for c in label)


def with_layer(look: Look, plan: Plan) -> Look:
    """Return ``look`` with the layer for its CAMs, chosen once if none was requested.

    For a net without such a layer the methods raise the error.
    """
    if look.layer or not any("cam" in member.label for member in plan.methods):
        return look
    try:
        return look._replace(layer=last_map(look))
    except InapplicableError:
        return look


def maps_at(look: Look, member: Member) -> Tensor:
    """Return the maps of a method, (n, h, w), channels reduced in the method's usual way."""
    return reduced(asked(look, member), look.x, ABOUT[member.label.partition(":")[0]].reduce)


def full_size(maps: Tensor, x: Tensor) -> Tensor:
    """Return maps (n, h, w) at the size of the images ``x``."""
    return enlarged(maps, (x.shape[2], x.shape[3]))
