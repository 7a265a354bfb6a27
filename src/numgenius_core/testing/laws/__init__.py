"""The laws of the rules: a file for each room."""
