"""Who runs on a machine and who waits, the lowest bid that would run, and what auctions pay."""
