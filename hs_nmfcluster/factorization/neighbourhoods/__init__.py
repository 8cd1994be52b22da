"""Factorization of a scan neighbourhood by neighbourhood, and one answer of all of them."""
