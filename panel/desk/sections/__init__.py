"""The sections of the desk: one module for each table that staff look at."""
