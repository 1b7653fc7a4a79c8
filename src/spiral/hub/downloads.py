"""Agents from the Hugging Face hub: a checkpoint's three files, in the hub's own cache."""

from __future__ import annotations

from pathlib import Path

from spiral.errors import InputError, cannot_import
from spiral.learning import checkpoint

HUB = "hf:"
FILES = (checkpoint.CONFIG, "policy.safetensors", "discriminator.safetensors")
"""An agent's checkpoint; no other file of its repository is downloaded."""
_PATIENCE = 10.0
"""Seconds to wait for the hub's answer."""
INSTALL = "pip install 'spiral-painter[huggingface]'"


def download(
    name: str,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Path:
    """Fetch an agent and return its folder; without the network, the one that an earlier call fetched.

    Args:
        name: `hf:OWNER/NAME`, or `hf:OWNER/NAME@REVISION`.
        revision: a branch, a tag or a commit; the newest when None.
        token: for private repositories; the one of `hf auth login` when None.
        cache_dir: the folder to keep it in; the hub's own when None.
        force_download: fetch files again that are in the cache.
        local_files_only: do not use the network.

    Raises:
        InputError: huggingface_hub is missing, there is no such agent, or there is no network.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError
    except ImportError as error:
        raise cannot_import(error, name, "huggingface_hub", "huggingface") from error
    repository, _, named = name.removeprefix(HUB).partition("@")
    revision = revision or named or None
    try:
        alone = local_files_only or not _reachable(repository, revision, token)
        folder = Path(
            snapshot_download(
                repository,
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                force_download=force_download and not alone,
                local_files_only=alone,
                allow_patterns=list(FILES),
            )
        )
    except LocalEntryNotFoundError as error:
        where = (
            "it is not on this machine" if local_files_only else "the hub cannot be reached, and it was never fetched"
        )
        raise InputError(f"cannot load {name}: {where}") from error
    except RepositoryNotFoundError as error:
        raise InputError(f"cannot load {name}: there is no such repository, or it is not open to you") from error
    except Exception as error:  # anything else of the client: no such revision, a wrong name, a broken connection
        raise InputError(f"cannot load {name}: {reason(error)}") from error
    if absent := [file for file in FILES if not (folder / file).is_file()]:
        raise InputError(f"{name} is no agent: its repository has no {', '.join(absent)}")
    return folder


def _reachable(repository: str, revision: str | None, token: str | bool | None) -> bool:
    """Whether the hub answers a single request: a download would retry for half a minute.

    Raises:
        Exception: the client's own, if the hub answers that there is no such repository or revision.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        HfApi(token=token).model_info(repository, revision=revision, timeout=_PATIENCE)
    except HFValidationError:
        raise
    except HfHubHTTPError as error:
        if error.response.status_code < 500:
            raise
        return False
    except Exception:  # of the client's HTTP library, which differs between versions
        return False
    return True


def reason(error: Exception) -> str:
    """The message of one of the hub's errors, in one line of limited length."""
    return " ".join(str(error).split())[:300] or type(error).__name__
