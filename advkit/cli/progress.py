"""Progress bars on stderr: one per stage, off where nobody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm


@contextmanager
def bars(off: bool, unit: str = "image") -> Iterator[Callable[[str, int, int], None]]:
    """Give a function of (what runs, done, in all) that draws a bar for each, in ``unit``s."""
    stages: dict[str, Any] = {}
    hidden = True if off else None  # None: shown on a terminal only

    def show(what: str, done: int, total: int) -> None:
        if what not in stages:
            for bar in stages.values():
                bar.close()
            stages[what] = tqdm(
                total=total, desc=what, unit=unit, disable=hidden, dynamic_ncols=True
            )
        stages[what].update(min(done, total) - stages[what].n)

    try:
        yield show
    finally:
        for bar in stages.values():
            bar.close()
