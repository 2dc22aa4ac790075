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
final = results.final(["lic_mg_per_g"]).set_index("sample")
declared = declared_parameters()
low, high = (np.array([getattr(declared[key], end) for key in KEYS]) for end in ("low", "high"))
place = (final[list(KEYS)] - low) / (high - low)
before = [
    n for n in final.index if (n + 1) % (len(KEYS) + 1) and n + 1 in final.index
]  # steps within trajectories
step = place.loc[[n + 1 for n in before]].to_numpy() - place.loc[before].to_numpy()
change = final["lic_mg_per_g"][[n + 1 for n in before]].to_numpy() - final["lic_mg_per_g"][before].to_numpy()
which, effect = np.abs(step).argmax(axis=1), np.abs(change) / np.abs(step).max(axis=1)
#: Mean absolute effect on liver iron (mg/g) of going through the whole range of each parameter.
effects = {key: float(effect[which == i].mean()) for i, key in enumerate(KEYS)}

if __name__ == "__main__":
    for key, size in sorted(effects.items(), key=lambda item: -item[1]):
        print(f"{key:30} {size:.4f} mg/g over its range")
