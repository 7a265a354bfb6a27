"""The exact, typed rule book of GPU rental marketplaces."""
