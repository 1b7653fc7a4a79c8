"""The commands of `spiral`, each a dataclass of typed flags."""
