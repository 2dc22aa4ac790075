"""What people do with the lobule: run, sweep, compare, calibrate, look."""

if __name__ == "experiments":
    raise ImportError(
        'this package is imported as "lobule.experiments": write "from lobule.experiments import ..."'
    )
