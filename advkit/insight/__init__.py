"""Interpretation of a net: saliency, class activation maps, segmentation, faithfulness of maps.

>>> model, images = advkit.load_model("bundled:digits-cnn"), advkit.load_data("bundled:digits")
>>> advkit.insight.saliency(model, images.x[:2], method="integrated_gradients").shape
torch.Size([2, 8, 8])
"""

from advkit.insight.faithfulness import pointing_game
from advkit.insight.gradients import expected_gradients, integrate
from advkit.insight.maps import attribution, saliency
from advkit.insight.method_input import Look
from advkit.insight.methods import ABOUT, METHODS
from advkit.insight.segmentation import segment
from advkit.insight.sensitivity import infidelity, max_sensitivity
from advkit.insight.similarity import (
    change_within,
    concentration,
    edges,
    spearman,
    structural_similarity,
    top_overlap,
)
from advkit.insight.targets import aim

__all__ = [
    "ABOUT",
    "METHODS",
    "Look",
    "aim",
    "attribution",
    "change_within",
    "concentration",
    "edges",
    "expected_gradients",
    "infidelity",
    "integrate",
    "max_sensitivity",
    "pointing_game",
    "saliency",
    "segment",
    "spearman",
    "structural_similarity",
    "top_overlap",
]
