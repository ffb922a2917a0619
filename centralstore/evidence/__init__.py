"""What lets others check the store: exported sittings, witnesses, the check of its own log, backups."""
