"""Automatic mutation: small faults planted in a candidate's own sources, and whether its cases notice each of them."""
