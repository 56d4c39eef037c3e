"""The panel service; each sub-package is one word of survey methodology and a small Django app of its own."""
