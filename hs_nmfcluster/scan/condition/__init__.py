"""What is wrong with a scan, found in the sums of one pass over it."""
