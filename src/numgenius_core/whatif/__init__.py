"""What-ifs: simulated demand against a listing, and the questions of a host."""
