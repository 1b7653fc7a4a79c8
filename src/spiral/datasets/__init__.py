"""Pictures to imitate: uint8 arrays [N, H, W, C], from built-in samples, archives, folders and files."""

from spiral.datasets.base import Dataset
from spiral.datasets.load import BUILT_IN, default_split, load
from spiral.datasets.pictures import find_images, fit_image, resize

__all__ = ["BUILT_IN", "Dataset", "default_split", "find_images", "fit_image", "load", "resize"]
