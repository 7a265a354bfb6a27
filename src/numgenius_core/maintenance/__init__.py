"""When a machine may be taken down: windows, notices, and plans that disturb least."""
