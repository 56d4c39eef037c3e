"""Answering: save, resume, complete. Knows no letter and no address."""
