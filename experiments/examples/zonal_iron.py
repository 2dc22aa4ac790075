"""Where does the iron go? Iron of hepatocytes by zone, from the snapshots of a sweep.

Fields as labelled arrays over run, day and site.
"""

from lobule.experiments import sweep

results = sweep(
    "hfe-mouse",
    seeds=range(2),
    days=14,
    out="results/zonal-iron",
    settings={"tissue.lobules": 1, "record.snapshot_days": [0.0, 7.0, 14.0]},
)
fields = results.fields()
#: Mean iron of hepatocytes (fmol) by day and zone, over both runs.
by_zone = fields.hepatocyte_iron.groupby(fields.zone).mean().mean("run")
gradient = by_zone.sel(zone=1) / by_zone.sel(zone=3)

if __name__ == "__main__":
    print(by_zone.to_pandas().round(1))
    print(f"periportal over pericentral after two weeks: {float(gradient.sel(day=14.0)):.2f}")
