"""What `spiral COMMAND` does, one dataclass of typed flags a command."""
