"""The measurements of `spiral bench`: engines against plain C, the training loop against a plain one."""
