"""Class indices: from a file of the user, or by the order of the names."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from advkit.data.samples import Samples, class_name
from advkit.errors import InputError, did_you_mean
from advkit.models.load_gate import missing

FORMS = (
    'JSON {"cat": 0, "dog": 1}, a table with the columns class and label, or one class per line '
    "in the order of the model"
)


def read_class_map(path: str) -> dict[str, int]:
    """Return the index of each class in the file; several classes may share one.

    The file is JSON ``{"cat": 0}``, a CSV table with the columns class and label, or only names,
    one per line, in the order of the model. Raises InputError.
    """
    file = Path(path)
    if not file.is_file():
        raise missing(file)
    try:
        text = file.read_text("utf-8-sig")
        found = _parsed(text)
    except (UnicodeDecodeError, ValueError, TypeError, KeyError, OSError) as error:
        raise InputError(f"{path} is not a valid class map: {error}", FORMS) from error
    if not found:
        raise InputError(f"{path} names no class", FORMS)
    return found


def _parsed(text: str) -> dict[str, int]:
    if text.lstrip().startswith("{"):
        return {str(name): _number(value) for name, value in json.loads(text).items()}
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and "," in lines[0]:
        return {row["class"]: _number(row["label"]) for row in csv.DictReader(lines)}
    if len(set(lines)) < len(lines):
        raise ValueError("a class appears twice")
    return {name: number for number, name in enumerate(lines)}


def _number(value: object) -> int:
    number = int(str(value))
    if number < 0:
        raise ValueError(f"{number} is below 0")
    return number


def numbered(labels: Sequence[str], path: str | None, where: str) -> tuple[list[int], list[str]]:
    """Return the index of each of ``labels``, and the names of the classes.

    By the class map ``path`` if there is one; labels that are integers of at least 0 are used as
    they are, without names; others are numbered in sorted order. Raises InputError.
    """
    if path is not None:
        known = read_class_map(path)
        for label in labels:
            if label not in known:
                raise InputError(
                    f"{path} does not say which class {label!r} of {where} is",
                    did_you_mean(label, known),
                )
        return [known[label] for label in labels], names_of(known)
    if all(label.isascii() and label.isdigit() for label in labels):
        return [int(label) for label in labels], []
    names = sorted(set(labels))
    return [names.index(label) for label in labels], names


def in_order(
    classes: Sequence[str], path: str | None, where: str
) -> tuple[list[int], Sequence[str]]:
    """Return the index of each of ``classes``, and the names in the order of the indices.

    By the class map ``path``; without one they keep their order. Raises InputError.
    """
    if path is None:
        return list(range(len(classes))), classes
    return numbered(classes, path, where)


def renumbered(samples: Samples, path: str) -> Samples:
    """Return samples with the class indices and names of the class map ``path``.

    Classes without a name are named by their index. Raises InputError.
    """
    old, place = np.unique(samples.y.numpy(), return_inverse=True)
    given = [class_name(samples.classes, i) if samples.classes else str(i) for i in old.tolist()]
    numbers, names = numbered(given, path, samples.name)
    return samples._replace(y=torch.tensor(numbers)[torch.from_numpy(place)], classes=tuple(names))


def names_of(known: dict[str, int]) -> list[str]:
    """Return the name of every class from 0 to the last; the first of those that share an index."""
    names = [f"class {i}" for i in range(max(known.values()) + 1)]
    for name, number in reversed(known.items()):
        names[number] = name
    return names
