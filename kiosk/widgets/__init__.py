"""The kiosk's own widgets, painted from the tokens."""
