"""The proof that the harness works: legitimate implementations pass, planted faults are caught."""
