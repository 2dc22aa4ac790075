"""Which of some parameters matters most for liver iron? Trajectories after Morris, and mean absolute effects.

A sampler instead of lists; the elementary effects are read off the table.
"""

import numpy as np

from lobule.experiments import morris, sweep
from lobule.settings import declared_parameters

KEYS = ("hepatocyte.export_rate", "hepatocyte.uptake_clearance", "body.hfe_response", "stellate.threshold")
results = sweep(
    "hfe-mouse",
    {key: morris(6) for key in KEYS},
    days=7,
    out="results/screening",
    settings={"tissue.lobules": 1, "record.snapshot_days": []},
)
final = results.final(["lic_mg_per_g"])
declared = declared_parameters()
low, high = (np.array([getattr(declared[key], end) for key in KEYS]) for end in ("low", "high"))
place = (final[list(KEYS)].to_numpy() - low) / (high - low)
step, change = np.diff(place, axis=0), np.diff(final["lic_mg_per_g"].to_numpy())
within = np.arange(len(step)) % (len(KEYS) + 1) < len(KEYS)  # not from one trajectory to the next
which, effect = np.abs(step).argmax(axis=1), np.abs(change) / np.abs(step).max(axis=1)
#: Mean absolute effect on liver iron (mg/g) of going through the whole range of each parameter.
effects = {key: float(effect[within & (which == i)].mean()) for i, key in enumerate(KEYS)}

if __name__ == "__main__":
    for key, size in sorted(effects.items(), key=lambda item: -item[1]):
        print(f"{key:30} {size:.4f} mg/g over its range")
