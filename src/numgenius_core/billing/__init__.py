"""What an instance cost: from the facts of its life to a statement."""
