"""Files: scans that are read, results that are saved."""
