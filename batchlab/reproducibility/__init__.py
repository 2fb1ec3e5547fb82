"""Twin runs, the growth of the last bit, the fingerprint and its report."""
