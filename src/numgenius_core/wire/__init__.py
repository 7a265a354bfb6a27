"""Reading a market: the marketplace's documents and records as our offers, and back."""
