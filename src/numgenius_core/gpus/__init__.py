"""How a machine is cut into offers, who takes which GPUs, and how to make room again."""
