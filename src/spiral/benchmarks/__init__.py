"""What `spiral bench` measures: engines against plain C, and the training loop against a plain one."""
