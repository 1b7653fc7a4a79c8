"""What the agents are compared with."""
