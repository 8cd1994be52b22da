"""Non-negative matrix factorization of a scan: arrays in, arrays out, chunk by chunk."""
