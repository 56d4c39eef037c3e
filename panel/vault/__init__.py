"""Contact cards: the only place where contact data is clear, and only while a card is open."""
