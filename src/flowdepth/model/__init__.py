"""Encoder, flow and decoder; the importance weight made of them."""
