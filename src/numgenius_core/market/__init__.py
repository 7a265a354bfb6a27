"""The whole market: commands go in, events come out, and the state follows from the events."""
