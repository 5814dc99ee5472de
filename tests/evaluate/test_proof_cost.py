"""The predicted cost of bounds is an upper limit of their actual cost."""

import pytest
import torch
from torch import Tensor

from advkit.bounds.intervals import bounds_of
from advkit.bounds.tracing import trace
from advkit.evaluate.proof_cost import entries_at_most
from advkit.evaluate.proofs import Prover
from tests.bounds.nets import NETS, SHAPE, images, net_of, region_of


@pytest.mark.parametrize("name", NETS)
def test_no_proof_goes_through_more_entries_than_foretold(name: str) -> None:
    model, x = net_of(name, 3), images(64, 3)
    graph, region, seen = trace(model, SHAPE), region_of(x, "Linf"), [0]

    def look(_place: int, a: Tensor) -> None:
        seen[0] += a.numel()

    with torch.no_grad():
        found = bounds_of(graph, region, tight=False)
        bounds_of(graph, region, look=look)
    told = entries_at_most(Prover(graph, "crown", 1.0), found) * len(x)
    assert 0 < seen[0] < told
    assert told < entries_at_most(Prover(graph, "alpha", 1.0), found) * len(x)
