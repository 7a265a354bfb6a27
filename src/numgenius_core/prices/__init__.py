"""What a stay costs: quotes, reserved discounts, deposits."""
