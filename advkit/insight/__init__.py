"""Where a net looks: saliency, class activation maps, segmentation, and whether to believe them."""

from advkit.insight.gradients import expected_gradients, integrate
from advkit.insight.looking import Look
from advkit.insight.maps import attribution, saliency
from advkit.insight.methods import ABOUT, METHODS
from advkit.insight.targets import aim

__all__ = [
    "ABOUT",
    "METHODS",
    "Look",
    "aim",
    "attribution",
    "expected_gradients",
    "integrate",
    "saliency",
]
