"""The policy's sizes and inputs, as settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spiral.errors import InputError, require_within


@dataclass(frozen=True)
class PolicySettings:
    """Sizes and inputs of the policy.

    Attributes:
        channels: of the encoder's first convolution.
        stride: of that convolution; 1 keeps the full resolution, as in the paper, 2 halves it, which saves a
            third of the time on a small machine, 4 halves it twice.
        core_channels: of its further convolutions and residual blocks.
        residual_blocks: at the encoder's end, on 8x8 maps.
        hidden: width of the LSTM and of the decoder's vector z.
        embedding: width of a choice's embedding.
        location_channels: of the location heads' convolutions.
        location_blocks: residual blocks in each location head.
        noise: length of the noise vector z_0 of section 3.1; 0 for none.
        noise_to_core: not in the paper. The LSTM is told the noise, too, which else only the first convolution is.
        sees_target: reconstruction, section 3.3.
        cluster_means: not in the paper, for generation on small machines. The target is one of so many cluster means, a
            power of two, drawn at random like noise (`spiral.datasets.clusters`).
        sees_canvas: False for the blind agent of section 4.3.
        skip_connections: not in the paper, for small machines. The location heads look at the encoder's feature maps of
            their own resolution, and locations already chosen are drawn as planes, so that "near that ink" need not
            pass through the vector z.
        pyramid_blocks: not in the paper. With skip connections, coarse maps flow back into finer ones, a
            feature pyramid (Lin et al. 2017), with so many residual blocks on each; 0 for none.
        merge_blocks: not in the paper. Residual blocks in a location head after each map that it looks at.
        ordinal: not in the paper, for colour on small machines. Names of choices whose options are a scale, such as
            sizes or shades: what is learned for one option also changes its neighbours.
        local_features: not in the paper, for colour on small machines. For every chosen location, z gets the canvas,
            the target and the finest feature map there, so that "as red as that place" need not pass through it
            either.
        glimpse: not in the paper. Side in pixels of a crop of canvas and target around every chosen location, which a
            small network encodes for z (Mnih et al. 2014, "Recurrent Models of Visual Attention"); a multiple of 4, 0
            for none.
    """

    channels: int = 32
    stride: Literal[1, 2, 4] = 1
    core_channels: int = 32
    residual_blocks: int = 8
    hidden: int = 256
    embedding: int = 16
    location_channels: int = 16
    location_blocks: int = 8
    noise: int = 0
    noise_to_core: bool = False
    sees_target: bool = True
    cluster_means: int = 0
    sees_canvas: bool = True
    skip_connections: bool = False
    pyramid_blocks: int = 0
    merge_blocks: int = 0
    ordinal: tuple[str, ...] = ()
    local_features: bool = False
    glimpse: int = 0

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            InputError: a size is out of range.
        """
        widths = dict.fromkeys(("channels", "core_channels", "hidden", "embedding", "location_channels"), (1, 4096))
        depths = dict.fromkeys(("residual_blocks", "location_blocks", "pyramid_blocks", "merge_blocks"), (0, 256))
        require_within("policy", self, **widths, **depths, noise=(0, 4096), cluster_means=(0, 4096), glimpse=(0, 64))
        if self.glimpse % 4:
            raise InputError(f"the side of a glimpse must be a multiple of 4, got --policy.glimpse {self.glimpse}")
        if (self.pyramid_blocks or self.merge_blocks) and not self.skip_connections:
            raise InputError("a pyramid and merge blocks need maps to look at: set --policy.skip-connections")
        if (self.local_features or self.glimpse) and not (self.sees_canvas or self.sees_target):
            raise InputError("a glimpse needs a picture: set --policy.sees-canvas or --policy.sees-target")
        if self.cluster_means and not self.sees_target:
            raise InputError(
                "cluster means take the place of a target: set --policy.sees-target or --policy.cluster-means 0"
            )
