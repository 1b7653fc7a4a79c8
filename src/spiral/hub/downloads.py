"""Agents from the Hugging Face hub: a checkpoint's three files, kept in the hub's own cache."""

from __future__ import annotations

from pathlib import Path

from spiral.errors import InputError
from spiral.learning import checkpoint

HUB = "hf:"
FILES = (checkpoint.CONFIG, "policy.safetensors", "discriminator.safetensors")
"""An agent's checkpoint; nothing else is downloaded, whatever else its repository holds."""
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
    """Fetch an agent and return the folder that holds it; without the network what an earlier call fetched.

    Args:
        name: `hf:OWNER/NAME`, or `hf:OWNER/NAME@REVISION`.
        revision: a branch, a tag or a commit; the newest when None.
        token: to read private repositories with; the one of `hf auth login` when None.
        cache_dir: the folder to keep it in; the hub's own when None.
        force_download: fetch what is already there, too.
        local_files_only: do not use the network.

    Raises:
        InputError: huggingface_hub is missing, there is no such agent, or the network is not there.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError
    except ImportError as error:
        raise InputError(f"{name} needs huggingface_hub: {INSTALL}") from error
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
    except Exception as error:  # whatever else the client raises: no such revision, a wrong name, a broken connection
        raise InputError(f"cannot load {name}: {reason(error)}") from error
    if absent := [file for file in FILES if not (folder / file).is_file()]:
        raise InputError(f"{name} is no agent: its repository has no {', '.join(absent)}")
    return folder


def _reachable(repository: str, revision: str | None, token: str | bool | None) -> bool:
    """Whether the hub answers, asked once: a download would try again and again for half a minute.

    Raises:
        Exception: the client's own, where the hub answers that there is no such repository or revision.
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
    except Exception:  # of the client's HTTP library, which is another in every version
        return False
    return True


def reason(error: Exception) -> str:
    """What one of the hub's errors says, in one line that is not too long."""
    return " ".join(str(error).split())[:300] or type(error).__name__
