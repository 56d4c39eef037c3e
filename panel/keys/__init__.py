"""Keys: the only cryptography, the key ring, wrapped data keys, named MAC functions; no contact cards."""
