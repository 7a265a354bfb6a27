"""What was agreed, the life of an instance, extension, and the disk it has."""
