"""The vendors: a module each, sending in `http`, the list of them in `registry`."""
