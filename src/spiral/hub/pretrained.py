"""Sharing agents on the Hugging Face hub, with its usual methods (extra `huggingface`).

    agent = PretrainedAgent.from_pretrained("runs/mine")
    agent.push_to_hub("OWNER/NAME")

A repository holds a checkpoint's files, `config.json`, `policy.safetensors` and `discriminator.safetensors`, and a page
that describes it. `spiral.load("hf:OWNER/NAME")` loads it, and so does `--checkpoint hf:OWNER/NAME`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from spiral.agent import Agent, find, read_agent
from spiral.datasets.load import BUILT_IN, HUGGING_FACE
from spiral.errors import InputError
from spiral.hub.downloads import FILES, HUB, INSTALL, download, reason
from spiral.io.files import make_folder
from spiral.learning import checkpoint
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Policy
from spiral.settings import Preset

try:
    from huggingface_hub import ModelCard, PyTorchModelHubMixin
except ImportError as missing:
    raise ImportError(f"spiral.hub.pretrained needs huggingface_hub: {INSTALL}") from missing

LICENCE = "apache-2.0"
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w./-]+)?")
_RECORD = ("commands", "seconds")
_PAGE = """---
{{ card_data }}
---

# {{ preset.name }}

{{ preset.summary }}

An agent of [SPIRAL]({{ paper_url }}): it writes programs of commands which the engine `{{ preset.engine }}` executes,
learned from a discriminator's score.

```
pip install 'spiral-painter[huggingface]'
```

```python
import spiral

agent = spiral.load("hf:{{ repo_id }}")
{{ example }}
program.render(256)
```

| | |
| --- | --- |
| commands of a picture | {{ preset.learning.episode_length }} |
| pictures it sees | {{ preset.data.size }}x{{ preset.data.size }} pixels, {{ preset.canvas.channels }} channel(s) |
| trained on | {{ data }} |
{% for words, figure in record %}| {{ words }} | {{ figure }} |
{% endfor %}
Weights are safetensors, in half precision; `config.json` has every setting of the experiment.
"""


class PretrainedAgent(
    Agent,
    PyTorchModelHubMixin,
    library_name="spiral-painter",
    license=LICENCE,
    tags=["spiral", "painting", "program-synthesis", "reinforcement-learning", "gan"],
    paper_url="https://arxiv.org/abs/1804.01118",
    model_card_template=_PAGE,
):
    """An agent with the hub's methods: `from_pretrained`, `save_pretrained`, `push_to_hub`."""

    def __init__(
        self,
        preset: Preset,
        policy: Policy,
        discriminator: Discriminator,
        name: str,
        record: Mapping[str, int | float] | None = None,
    ) -> None:
        """Use `from_pretrained`; `record` has the length of training: `commands` and `seconds`."""
        super().__init__(preset, policy, discriminator, name)
        self.record = dict(record or {})

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
        device: str = "auto",
    ) -> PretrainedAgent:
        """Load an agent: a shipped one by name, an agent's or a run's folder, or `OWNER/NAME` on the hub.

        Args:
            pretrained_model_name_or_path: the agent; an existing folder has priority over the hub.
            force_download: fetch again what is in the cache.
            token: to read private repositories with; the one of `hf auth login` when None.
            cache_dir: the folder for what is fetched; the hub's own when None.
            local_files_only: do not use the network.
            revision: a branch, a tag or a commit on the hub; the newest when None.
            device: where its networks compute: `auto`, `cpu`, `cuda` or `cuda:N`.

        Raises:
            InputError: there is none, it cannot be fetched, or it holds wrong settings or weights.
        """
        # The mixin's method would read an unchecked config.json, and look for shipped agents on the hub.
        return cls._from_pretrained(
            model_id=os.fspath(pretrained_model_name_or_path),
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
            device=device,
        )

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        device: str = "auto",
    ) -> PretrainedAgent:
        """Load and check; the mixin's method would fall back on pickled weights."""
        if not model_id.startswith(HUB) and not os.path.exists(model_id) and _HUB_NAME.fullmatch(model_id):
            model_id = HUB + model_id
        if model_id.startswith(HUB):
            folder = download(model_id, revision, token, cache_dir, force_download, local_files_only)
        else:
            folder = find(model_id)
        agent, config = read_agent(folder, model_id, device), checkpoint.read_config(folder)
        record = {name: config[name] for name in _RECORD if isinstance(config.get(name), int | float)}
        return cls(agent.preset, agent.policy, agent.discriminator, agent.name, record)

    def save_pretrained(self, save_directory: str | os.PathLike[str], **options: Any) -> str | None:
        """Write the checkpoint and, if missing, a README.md into a folder; see the mixin for `options`.

        Other files of the folder stay as they are.

        Raises:
            InputError: it cannot be written.
        """
        folder = make_folder(Path(save_directory))
        return super().save_pretrained(folder, **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write the three files atomically; the mixin then leaves `config.json` as it is."""
        weights = {
            "policy": checkpoint.half(self.policy.state_dict()),
            "discriminator": checkpoint.half(self.discriminator.state_dict()),
        }
        with tempfile.TemporaryDirectory(prefix=".", dir=save_directory) as temporary:
            folder = Path(temporary) / "agent"
            checkpoint.save_folder(folder, {"preset": self.preset.to_json(), **self.record}, weights)
            for file in FILES:
                (folder / file).replace(save_directory / file)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Put the agent on the hub, with a page on how to load it; see the mixin for `options`.

        Args:
            repo_id: `OWNER/NAME`; created if missing.
            options: `private`, `token`, `branch`, `commit_message` and others.

        Returns:
            Address of the commit.

        Raises:
            InputError: the hub cannot be reached, or refuses access.
        """
        page = {"repo_id": repo_id, **(options.pop("model_card_kwargs", None) or {})}
        try:
            return super().push_to_hub(repo_id, model_card_kwargs=page, **options)
        except (InputError, TypeError):
            raise
        except Exception as error:  # the client may raise anything: no token, no network, a wrong name
            raise InputError(f"cannot push to {repo_id}: {reason(error)}") from error

    def generate_model_card(self, *, repo_id: str = "OWNER/NAME", license: str = LICENCE, **others: Any) -> ModelCard:
        """The page of its repository.

        Args:
            repo_id: its name on the hub.
            license: of the weights, as the hub abbreviates it.
            others: further values for the template.
        """
        about = deepcopy(self._hub_mixin_info.model_card_data)
        about.license = license
        about.pipeline_tag = "image-to-image" if self.conditional else "unconditional-image-generation"
        source = self.preset.data.source
        # The path of a folder stays private.
        data = source if source.startswith(HUGGING_FACE) or source in BUILT_IN else "pictures of its maker's own"
        units = {"commands": "commands painted in training", "seconds": "seconds of training"}
        return ModelCard.from_template(
            card_data=about,
            template_str=_PAGE,
            paper_url=self._hub_mixin_info.paper_url,
            preset=self.preset,
            repo_id=repo_id,
            data=data,
            record=[(units[name], f"{value:,.0f}") for name, value in self.record.items()],
            example='program = agent.paint("picture.png")' if self.conditional else "program = agent.sample()[0]",
            **others,
        )
