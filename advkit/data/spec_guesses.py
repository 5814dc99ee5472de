"""Guess the data spec that was meant by the bare name of a file, folder or data set."""

from pathlib import Path

from advkit.data.audio_folder import RECORDING
from advkit.data.bundled_sets import BUNDLED
from advkit.data.image_folder import SUFFIXES
from advkit.data.torchvision_sets import FIXED_SIZE, PICTURES
from advkit.errors import UnknownNameError
from advkit.models.spec_guesses import callables_in, did_mean
from advkit.spec_text import Spec

IN_FOLDERS = "lay it in a directory of its class, DIR/cat/1.jpg: --data imagefolder:DIR"
FILES = {".npz": "npz", ".csv": "csv", ".parquet": "parquet"}


def check_bare(spec: Spec) -> None:
    """Raise UnknownNameError for a name without a scheme, if its meaning can be guessed."""
    meant = "" if spec.scheme else data_meant(spec.ref)
    if not spec.scheme and is_picture(spec.ref):
        raise UnknownNameError(f"the data {spec.text!r} is one picture", IN_FOLDERS)
    if meant:
        raise UnknownNameError(f"the data {spec.text!r} has no scheme", did_mean(meant))


def is_picture(name: str) -> bool:
    """Return whether ``name`` has the suffix of an image."""
    return name.lower().endswith(SUFFIXES)


def data_meant(name: str) -> str:
    """Return the likeliest spec of the data ``name``, '' if there is none."""
    place = Path(name)
    if place.is_dir():
        return f"{_kind_of(place)}:{name}"
    if place.suffix == ".py":
        names = callables_in(name)
        return f"{name}:{names[0]}" if names else ""
    if place.suffix in FILES and place.is_file():
        return f"{FILES[place.suffix]}:{name}"
    plain = name.lower().replace("_", "-")
    if plain in BUNDLED:
        return f"bundled:{plain}"
    sets = {each.lower(): each for each in (*FIXED_SIZE, *PICTURES)}
    known = sets.get(plain.replace("-", ""))
    return f"torchvision:{known}?root=DIR&split=test" if known else ""


def _kind_of(folder: Path) -> str:
    """Return the scheme for ``folder``, by the files in it and in its subfolders."""
    suffixes = {file.suffix.lower() for file in (*folder.glob("*"), *folder.glob("*/*"))}
    if suffixes & {".parquet", ".arrow"}:
        return "hf"
    return "audio" if suffixes & {*RECORDING.suffixes} else "imagefolder"
