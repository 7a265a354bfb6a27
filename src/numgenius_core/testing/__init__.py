"""Test your own implementation of a rule: a server's answer, a port, another pricing service."""
