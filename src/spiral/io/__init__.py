"""Files read with limits and written atomically; arrays as images."""
