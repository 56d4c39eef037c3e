"""From a recruitment file to members, contact cards, consent entries and wave-0 answers."""
