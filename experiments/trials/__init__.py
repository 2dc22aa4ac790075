"""Virtual trials: patients screened, randomised, treated, followed, analysed."""
