"""The locked-down exam window: clock, sound, local journal, and the screens a candidate meets."""
