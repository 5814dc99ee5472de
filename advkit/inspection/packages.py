"""Checks of installed packages: required ones with their versions, and optional ones."""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from advkit.inspection.findings import Finding, finding

NEEDED = {
    "torch": "2.10", "torchvision": "0.25", "numpy": "1.26", "pandas": "2.1",
    "scikit-learn": "1.5", "scipy": "1.11", "joblib": "1.2", "tqdm": "4.66.3", "click": "8.2",
    "matplotlib": "3.8", "jinja2": "3.1.6", "pillow": "12.2", "safetensors": "0.4.5",
    "filelock": "3.20.3", "soundfile": "0.12", "jsonschema": "4.20",
}  # fmt: skip
"""Minimum versions as in `setup.cfg`; older ones have vulnerabilities, or lack features used."""
EXTRAS = {
    "hf": ("datasets", "--data hf:DIR, --model hf:FOLDER"),
    "imagenet": ("efficientnet-lite-pytorch", "--model efficientnet-lite:0"),
    "onnx": ("onnx2torch", "--model FILE.onnx"),
    "parquet": ("pyarrow", "--data parquet:FILE"),
    "ray": ("ray", "--ray ADDRESS"),
    "sklearn": ("skops", "--model FILE.skops"),
    "timm": ("timm", "--model timm:NAME"),
}
"""For each extra a package that shows whether it is installed, and its purpose."""
Version = Callable[[str], str]


def needed(installed: Version = version) -> Iterator[Finding]:
    """Yield whether each required package is installed and new enough."""
    for name, least in NEEDED.items():
        has = _version(name, installed)
        seen = f"{has} (at least {least} is needed)" if has else f"is missing; {least} is needed"
        yield finding(
            name, not has or _older(has, least), seen, f"pip install -U '{name}>={least}'"
        )


class Extra(NamedTuple):
    """An extra: the installed version or "", its purpose, how to get it, why it fails to import."""

    name: str
    version: str
    use: str
    get: str
    broken: str = ""


def extras(
    installed: Version = version, imported: Callable[[str], object] = import_module
) -> Iterator[Extra]:
    """Yield every extra; what is installed is imported, which takes some seconds."""
    for name, (package, use) in EXTRAS.items():
        found = Extra(name, _version(package, installed), use, f'pip install "advkit[{name}]"')
        why = _broken(package.replace("-", "_"), imported) if found.version else ""
        get = f'pip install --force-reinstall "advkit[{name}]"' if why else found.get
        yield found._replace(get=get, broken=why)


def _broken(module: str, imported: Callable[[str], object]) -> str:
    try:
        imported(module)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def _version(name: str, installed: Version) -> str:
    try:
        return installed(name)
    except PackageNotFoundError:
        return ""


def _older(has: str, least: str) -> bool:
    """Compare the leading numbers of two versions."""
    return _numbers(has) < _numbers(least)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3]]
