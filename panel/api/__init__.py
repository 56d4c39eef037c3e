"""REST under /api/v1/ for researchers."""
