"""The central store: receives, verifies, keeps, replays, scores and exports; see README.md."""
