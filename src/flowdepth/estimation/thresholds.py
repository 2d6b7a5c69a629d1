"""When an importance-sampling estimate is not to be trusted; light, as the Snakefile reads this."""

# Above it the estimate's error cannot be trusted at practical sample sizes (Vehtari et al. 2024,
# section 3.2.4), ...
K_HAT_LIMIT = 0.7
# ... and more than this share of such images makes the report warn.
WARNING_SHARE = 0.05
