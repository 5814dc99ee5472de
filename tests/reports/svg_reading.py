"""Parses advkit's SVG drawings: elements by class, and the inverse of their axes."""

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

Node = ET.Element


def parsed(drawing: str) -> Node:
    return ET.fromstring(drawing)


def of_class(root: Node, name: str, tag: str = "*") -> list[Node]:
    return [
        node for node in root.iter() if name in node.get("class", "").split() and _is(node, tag)
    ]


def _is(node: Node, tag: str) -> bool:
    return tag in ("*", node.tag)


def numbers(node: Node, *names: str) -> list[float]:
    return [float(node.get(name, "nan")) for name in names]


def axis(root: Node, along: str, read: Callable[[str], float | None]) -> Callable[[float], float]:
    """Return the map from pixel to value, by the first and last axis label that ``read`` parses."""
    labels = [text for group in of_class(root, "axis", "g") for text in group.iter("text")]
    found = [(float(t.get(along, "nan")), read(t.text or "")) for t in labels]
    marks = [(pixel, value) for pixel, value in found if value is not None]
    (first, low), (last, high) = min(marks), max(marks)
    return lambda pixel: low + (pixel - first) * (high - low) / (last - first)


def share(text: str) -> float | None:
    return float(text[:-1]) / 100 if text.endswith("%") else None


def eps(text: str) -> float | None:
    if re.fullmatch(r"\d+/255", text):
        return int(text[:-4]) / 255
    return float(text) if re.fullmatch(r"[\d.]+", text) else None


def corners(path: Node) -> list[tuple[float, float]]:
    pairs = re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d", ""))
    return [(float(x), float(y)) for x, y in pairs]
