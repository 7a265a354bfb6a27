"""JSON of our own: every value as a document that other programs and later versions can read."""
