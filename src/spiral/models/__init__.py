"""The policy and the discriminator: torch modules without training code."""
