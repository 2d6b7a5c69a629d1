"""What jobs ask of SLURM, without torch."""
