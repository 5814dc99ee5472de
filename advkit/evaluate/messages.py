"""Units and their outcomes as bytes, between processes and machines, without pickle.

A message is a line of JSON, which ends with the size in bytes of one array (npy) that follows.
"""

import io
import json
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from advkit.evaluate.units import Failed, Outcome, Shard, Unit


def send(stream: BinaryIO, content: dict[str, Any], array: np.ndarray | None = None) -> None:
    """Write one message; floats are exact, including infinity and NaN."""
    body = b"" if array is None else _npy(array)
    stream.write(json.dumps({**content, "bytes": len(body)}).encode() + b"\n" + body)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], np.ndarray | None]:
    """Read one message; raises EOFError if the other side is gone or the message incomplete."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    content = json.loads(line)
    size = content.pop("bytes")
    body = stream.read(size)
    if len(body) < size:
        raise EOFError
    return content, np.load(io.BytesIO(body), allow_pickle=False) if size else None


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def send_unit(stream: BinaryIO, unit: Unit) -> None:
    """Write a unit."""
    send(stream, unit._replace(start=None)._asdict(), unit.start)


def receive_unit(stream: BinaryIO) -> Unit:
    """Read a unit; raises EOFError."""
    content, start = receive(stream)
    return Unit(**{**content, "start": start})


def send_outcomes(stream: BinaryIO, outcomes: Sequence[Outcome]) -> None:
    """Write the number of outcomes of a unit, and each of them."""
    send(stream, {"outcomes": len(outcomes)})
    for one in outcomes:
        if isinstance(one, Failed):
            about = {"unit": one.unit._replace(start=None)._asdict(), "error": one.error}
            send(stream, {**about, "attempts": one.attempts})
        else:
            rows = one.rows.to_dict(orient="list")
            send(stream, {"name": one.name, "rows": rows, "cost": one.cost}, one.examples)


def receive_outcomes(stream: BinaryIO) -> list[Outcome]:
    """Read the outcomes of a unit; raises EOFError."""
    head, _ = receive(stream)
    return [_outcome(*receive(stream)) for _ in range(head["outcomes"])]


def _outcome(content: dict[str, Any], array: np.ndarray | None) -> Outcome:
    if array is None:
        unit = Unit(**content["unit"])
        return Failed(unit, content["error"], content["attempts"])
    return Shard(content["name"], pd.DataFrame(content["rows"]), array, content["cost"])
