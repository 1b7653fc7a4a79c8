"""What judges paintings: metrics and the digit classifier."""
