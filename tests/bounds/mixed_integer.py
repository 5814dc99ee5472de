"""Exact minimum difference of two logits of a small ReLU net, by mixed-integer programming."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import nn


def least_difference(
    net: nn.Sequential, low: np.ndarray, high: np.ndarray, row: np.ndarray
) -> float:
    """Return min of row @ logits over the box, for Flatten followed by Linear and ReLU layers.

    Each ReLU y = max(z, 0) with z in [l, u] is y >= z, y >= 0, y <= u b, y <= z - l (1 - b) with b
    in {0, 1} (Tjeng et al. 2019); l and u are interval bounds.
    """
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    weights = [(one.weight.double().numpy(), one.bias.double().numpy()) for one in layers]
    walls = [(low, high)]
    for weight, bias in weights[:-1]:
        a, b = walls[-1]
        middle, reach = weight @ (a + b) / 2 + bias, np.abs(weight) @ (b - a) / 2
        walls.append((np.maximum(middle - reach, 0), np.maximum(middle + reach, 0)))
    widths = [len(low), *(len(bias) for _, bias in weights[:-1])]
    places = np.cumsum([0, *widths])
    hidden = places[-1] - places[1]
    total = places[-1] + hidden
    rows, least, most = [], [], []
    for k, (weight, bias) in enumerate(weights[:-1]):
        a, b = walls[k]
        middle, reach = weight @ (a + b) / 2 + bias, np.abs(weight) @ (b - a) / 2
        for i in range(len(bias)):
            before, y = slice(places[k], places[k + 1]), places[k + 1] + i
            z_low, z_high = middle[i] - reach[i], middle[i] + reach[i]
            over, under, top = (np.zeros(total) for _ in range(3))
            over[y], over[before] = 1, -weight[i]  # y - w x >= bias
            under[y], under[before] = 1, -weight[i]  # y - w x + -l... <= bias - l (1 - b)
            under[places[-1] + y - places[1]] = -min(z_low, 0)
            top[y], top[places[-1] + y - places[1]] = 1, -max(z_high, 0)  # y <= u b
            rows += [over, under, top]
            least += [bias[i], -np.inf, -np.inf]
            most += [np.inf, bias[i] - min(z_low, 0), 0]
    weight, bias = weights[-1]
    cost = np.zeros(total)
    cost[places[-2] : places[-1]] = row @ weight
    floor = np.concatenate([low, np.zeros(total - len(low))])
    ceiling = np.concatenate([high, *(w[1] for w in walls[1:]), np.ones(hidden)])
    kinds = np.concatenate([np.zeros(places[-1]), np.ones(hidden)])
    done = milp(cost, integrality=kinds, bounds=Bounds(floor, ceiling),
                constraints=LinearConstraint(np.array(rows), least, most))  # fmt: skip
    assert done.status == 0, done.message
    return float(done.fun + row @ bias)
