"""Progress bars on stderr: one per stage, off where nobody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from advkit.cli.verbosity import LOG


@contextmanager
def bars(off: bool, unit: str = "image") -> Iterator[Callable[..., None]]:
    """Give a function of (what runs, done, in all) that draws a bar for each, in ``unit``s.

    A fourth word, such as a loss, is shown beside the bar.
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
