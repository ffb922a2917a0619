"""The test itself, pure: it is told what happened and what time it is, and answers with what is now true."""
