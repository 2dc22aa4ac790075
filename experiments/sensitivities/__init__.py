"""Which parameters matter: designs of runs, indices with intervals, pictures."""
