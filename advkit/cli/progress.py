"""Progress bars on stderr: one per stage, only on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from advkit.cli.verbosity import LOG


@contextmanager
def bars(off: bool, unit: str = "image") -> Iterator[Callable[..., None]]:
    """Yield a function of (stage, done, total) that draws a bar for each, in ``unit``s.

    A fourth argument, such as a loss, is shown next to the bar.
    """
    from advkit.data.picture_rows import BAR

    stages: dict[str, Any] = {}
    before = BAR.set(not off)
    hidden = True if off else None  # None: shown on a terminal only

    def show(what: str, done: int, total: int, note: str = "") -> None:
        if what not in stages:
            for bar in stages.values():
                bar.close()
            LOG.info("%s: %d %ss", what, total, unit)
            stages[what] = tqdm(
                total=total, desc=what, unit=unit, disable=hidden, dynamic_ncols=True
            )
        if note:
            stages[what].set_postfix_str(note, refresh=False)
        stages[what].update(min(done, total) - stages[what].n)
        LOG.debug("%s: %d of %d %ss%s", what, done, total, unit, f", {note}" if note else "")

    try:
        yield show
    finally:
        BAR.reset(before)
        for bar in stages.values():
            bar.close()
