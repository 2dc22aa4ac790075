"""Many runs: planned, handed out to workers, kept in a store, read back as one table."""
