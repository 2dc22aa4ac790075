"""How much iron does a diet lay down? Liver iron after a week over the iron of the diet, in both genotypes.

A list of values, two cases that share their seeds, replicates, one number out of the table.
"""

from lobule.experiments import sweep

results = sweep(
    ["wild-type-mouse", "hfe-mouse"],
    {"diet.iron_percent": [0.02, 0.1, 0.5]},
    seeds=range(3),
    days=7,
    out="results/dose-response",
    settings={"tissue.lobules": 1, "record.snapshot_days": []},
)
final = results.final(["lic_mg_per_g"])
means = final.groupby(["arm", "diet.iron_percent"])["lic_mg_per_g"].mean()
#: Liver iron of the knock-out over that of the wild type, by diet.
ratio = means["hfe-mouse"] / means["wild-type-mouse"]

if __name__ == "__main__":
    print(means.unstack("arm").round(3))
    print(f"Hfe-/- over wild type on standard chow: {ratio[0.02]:.2f}")
