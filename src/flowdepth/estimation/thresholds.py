"""When an estimate is to be trusted and when it is not; light, as the Snakefile reads this."""

# Above it the estimate's error cannot be trusted at practical sample sizes (Vehtari et al. 2024,
# section 3.2.4), ...
K_HAT_LIMIT = 0.7
# ... and more than this share of such images makes the report warn.
WARNING_SHARE = 0.05
# An optimised bound has converged once a doubling of its steps gains less, in nats.
CONVERGED = 0.01
