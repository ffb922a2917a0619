"""The test itself, pure: programme, panel, attempt, timing, scoring, result. It is told what happened and answers what is true."""
