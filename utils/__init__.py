"""Small things that know nothing of runs, records or models."""
