"""The ladder of stops and erasure: the only code that removes people."""
