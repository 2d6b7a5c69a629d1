"""Integrate the log-likelihood of a trained pack of one or two latent dimensions."""

from __future__ import annotations

from flowdepth.base.files import write_frame
from flowdepth.estimation.exact_tables import exact_by_image, exact_by_seed
from flowdepth.estimation.quadrature import exact_log_likelihood
from flowdepth.stages.command import run
from flowdepth.stages.pack import pack_command, trained_pack


def main() -> None:
    """Read the command line, integrate, and write log-likelihoods by seed and by image."""
    with trained_pack("exact", pack_command(__doc__)) as pack:
        result = exact_log_likelihood(pack.model, pack.x, bookmark=pack.bookmark)
        by_seed = exact_by_seed(result, pack.header)
        print(by_seed.to_string(index=False, float_format="{:.6g}".format), flush=True)
        files = pack.outputs()
        write_frame(by_seed, files["exact"])
        write_frame(exact_by_image(result, pack.header.seeds), files["per_image"])


if __name__ == "__main__":
    run(main)
