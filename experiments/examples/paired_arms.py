"""Does bleeding unload a mouse? Arms of one virtual subject share their luck: they differ by the treatment.

Cases made in the script, a mapping that names them, and differences within replicates.
"""

from lobule import load_case
from lobule.experiments import sweep

SMALL = {"tissue.lobules": 1, "record.snapshot_days": [], "subject.age_days": 63.0}
untreated = load_case("hfe-mouse", SMALL)
bled = load_case(
    untreated,
    {"treatments": [{"kind": "phlebotomy", "day": 1.0, "every_days": 3.0, "volume_ml": 0.2}]},
)
results = sweep({"untreated": untreated, "bled": bled}, seeds=range(4), days=14, out="results/paired-arms")
final = results.final(["lic_mg_per_g", "haemoglobin_g_per_dl"])
by_subject = final.pivot(index="replicate", columns="arm", values=["lic_mg_per_g", "haemoglobin_g_per_dl"])
#: Liver iron taken out (mg/g dry weight) in each subject.
unloaded = by_subject["lic_mg_per_g"]["untreated"] - by_subject["lic_mg_per_g"]["bled"]

if __name__ == "__main__":
    print(by_subject.round(3))
    print(f"unloaded: {unloaded.mean():.3f} mg/g, from {unloaded.min():.3f} to {unloaded.max():.3f}")
