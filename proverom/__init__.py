"""The command line and the demo: the only place that sees every package."""
