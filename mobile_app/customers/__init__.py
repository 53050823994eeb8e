"""Finding customers, the card, new customers."""
