"""Saliency methods by name, and their descriptions for pages."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

from advkit.attacks.options import Member, parse
from advkit.errors import InapplicableError, UnknownNameError, did_you_mean
from advkit.insight.attention import attention_rollout
from advkit.insight.cam import (
    eigen_cam,
    grad_cam,
    grad_cam_plus_plus,
    guided_grad_cam,
    hires_cam,
    layer_cam,
    score_cam,
    xgrad_cam,
)
from advkit.insight.gradients import (
    deconvnet,
    gradient,
    gradient_times_input,
    guided_backprop,
    integrated_gradients,
    smooth_grad,
    var_grad,
)
from advkit.insight.masking import occlusion, rise
from advkit.insight.method_input import Look

Reduce = Literal["max", "sum", "l2", "signed"]
"""Reduction of channels to one number per pixel: the largest |value|, the sum of |values|, their L2
norm, or their plain sum."""

METHODS: dict[str, Callable[..., Tensor]] = {
    "gradient": gradient,
    "gradient_times_input": gradient_times_input,
    "smooth_grad": smooth_grad,
    "var_grad": var_grad,
    "integrated_gradients": integrated_gradients,
    "deconvnet": deconvnet,
    "guided_backprop": guided_backprop,
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "hires_cam": hires_cam,
    "layer_cam": layer_cam,
    "xgrad_cam": xgrad_cam,
    "score_cam": score_cam,
    "eigen_cam": eigen_cam,
    "guided_grad_cam": guided_grad_cam,
    "attention_rollout": attention_rollout,
    "occlusion": occlusion,
    "rise": rise,
}

ANSWERS_ALONE = ("occlusion", "rise")
"""Methods that need outputs only, and so apply to a black box."""


class About(NamedTuple):
    """Default channel reduction of a method, and what its map does not show."""

    reduce: Reduce
    limits: str


FINE = "How the score would change under a very small change; not what the image owes its class to."
PLAYED = "It redraws edges whatever the weights behind them are; not specific to the class."
COARSE = "As coarse as the layer it is read off; places are smeared by the enlargement."
HIDDEN = "Hidden parts make images the net never saw; the score may fall for that alone."

ABOUT: dict[str, About] = {
    "gradient": About("max", FINE),
    "gradient_times_input": About("signed", "Black pixels get 0, whatever they mean."),
    "smooth_grad": About("max", FINE),
    "var_grad": About("sum", "Where the gradient is unsteady, not where the evidence is."),
    "integrated_gradients": About("signed", "Compared with a black image: black pixels get 0."),
    "deconvnet": About("max", PLAYED),
    "guided_backprop": About("max", PLAYED),
    "grad_cam": About("signed", COARSE + " Evidence against the class is cut off."),
    "grad_cam_plus_plus": About("signed", COARSE + " Evidence against the class is cut off."),
    "hires_cam": About("signed", COARSE),
    "layer_cam": About("signed", COARSE + " Evidence against the class is cut off."),
    "xgrad_cam": About("signed", COARSE + " Evidence against the class is cut off."),
    "score_cam": About("signed", COARSE + " " + HIDDEN),
    "eigen_cam": About("signed", COARSE + " Not specific to the class; its sign is arbitrary."),
    "guided_grad_cam": About("max", PLAYED),
    "attention_rollout": About("signed", "Where tokens mix, not what for; no class is asked."),
    "occlusion": About("signed", HIDDEN),
    "rise": About("signed", HIDDEN),
}


def method_of(text: str) -> Member:
    """Return the method that ``name`` or ``name:option=value,...`` requests; raises UsageError."""
    name = text.partition(":")[0]
    if name not in METHODS:
        raise UnknownNameError(f"there is no method {name!r}", did_you_mean(name, METHODS))
    return parse(text, METHODS)


def asked(look: Look, member: Member) -> Tensor:
    """Return the output of a method for ``look``; raises InapplicableError as the method does.

    Also if the model is a black box and the method needs gradients: its maps would be 0.
    """
    name = member.label.partition(":")[0]
    hidden = any(getattr(part, "black_box", False) for part in look.model.modules())
    if hidden and name not in ANSWERS_ALONE:
        raise InapplicableError(
            f"{name} does not apply to a black box: it needs a gradient or a layer",
            f"{' and '.join(ANSWERS_ALONE)} need only outputs",
        )
    found: Tensor = member.attack(look)
    return found


def has_sign(name: str, reduce: Reduce) -> bool:
    """Return whether the sign of a method's map is meaningful."""
    never = ("grad_cam", "grad_cam_plus_plus", "layer_cam", "xgrad_cam", "score_cam", "var_grad",
             "attention_rollout")  # fmt: skip
    return reduce == "signed" and name not in never
