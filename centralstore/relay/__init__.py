"""A room without a line: what is lent to a relay, how it forwards, and the commands for both."""
