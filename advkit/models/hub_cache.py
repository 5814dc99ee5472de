"""Files of the Hugging Face hub from its local cache; downloaded only if a spec says so."""

from collections.abc import Sequence
from pathlib import Path

from advkit.errors import InputError
from advkit.models.extras import extra


def hub_file(
    repo: str, file: str, *, revision: str | None, download: bool, by: str, optional: bool = False
) -> Path | None:
    """Return the local path of ``file`` of ``repo``; None if it is ``optional`` and absent.

    Raises InputError with instructions to get it.
    """
    hub = extra("huggingface_hub", of="hf", by=by)
    found = hub.try_to_load_from_cache(repo, file, revision=revision)
    if isinstance(found, str):
        return Path(found)
    if download:
        try:
            return Path(hub.hf_hub_download(repo, file, revision=revision))
        except Exception as error:
            if optional:
                return None
            told = " ".join(str(error).split())[:200]
            raise InputError(f"{by}: {file} of {repo} cannot be downloaded: {told}") from error
    if optional:
        return None
    at = f" --revision {revision}" if revision else ""
    raise InputError(
        f"{by}: {file} of {repo} is not in the local cache, and nothing is downloaded unasked",
        f"add download=true to the spec, or run: hf download {repo}{at} {file}",
        code="E318",
    )


def hub_data(
    repo: str, files: Sequence[str], *, revision: str | None, download: bool, by: str
) -> Path:
    """Return the folder of the data set ``repo``, with the available ``files`` (patterns).

    Raises InputError with instructions to get it.
    """
    hub = extra("huggingface_hub", of="hf", by=by)
    try:
        found = hub.snapshot_download(
            repo, repo_type="dataset", revision=revision, allow_patterns=list(files),
            local_files_only=not download,
        )  # fmt: skip
    except Exception as error:
        if download:
            told = " ".join(str(error).split())[:200]
            raise InputError(f"{by}: {repo} cannot be downloaded: {told}") from error
        at = f" --revision {revision}" if revision else ""
        raise InputError(
            f"{by}: there is no such directory, and no data set {repo} in the local cache; "
            "nothing is downloaded unasked",
            f"add download=true to the spec, or run: hf download --repo-type dataset {repo}{at}",
            code="E318",
        ) from error
    return Path(found)
