"""How deep should a planar flow be? A benchmark study of planar-flow VAEs."""
