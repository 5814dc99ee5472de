"""Completion of a partial command line by real shells."""

import os
import pty
import re
import select
import subprocess
from pathlib import Path

SHOW = """
unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D
eval "$(cat script)"
show() { print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }
zle -N show; bindkey '^X' show; print rea''dy
"""


def in_fish(line: str, folder: Path) -> list[str]:
    """Return the completions of fish for ``line``; the shell's script is ``folder / script``."""
    words = ["fish", "-c", f"source script; complete -C '{line}'"]
    done = subprocess.run(
        words, cwd=folder, env=_environ(folder), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [row.partition("\t")[0] for row in done.stdout.splitlines()]


def in_zsh(line: str, folder: Path) -> str:
    """Return ``line`` after the tab key, in a zsh on a separate pseudo-terminal."""
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder,
        env=_environ(folder), start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        os.write(ours, SHOW.encode())
        _until(ours, r"ready\r\n")
        os.write(ours, f"{line}\t\x18".encode())  # zsh reads ^X after completing
        return _until(ours, "<<(.*?)>>")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def _until(terminal: int, pattern: str) -> str:
    got = ""
    while not (found := re.search(pattern, got)):
        assert select.select([terminal], [], [], 20)[0], f"no answer after {got!r}"
        got += os.read(terminal, 4096).decode(errors="replace")
    return found[found.re.groups]


def _environ(folder: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": root,
            "TERM": "dumb", "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}  # fmt: skip
