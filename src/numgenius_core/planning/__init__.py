"""Plans of a client and a host: what to bid, when to reserve, whether to extend."""
