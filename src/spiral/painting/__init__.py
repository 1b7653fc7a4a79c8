"""Pictures in many strokes: best-of-N proposal search, tiles, and programs edited."""
