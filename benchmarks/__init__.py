"""Speed and memory beside public peers and the machine's own limit; see README.md."""
