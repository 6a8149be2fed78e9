"""The local stack: template.yaml deployed on moto on this machine, its functions run as in Lambda."""

import functools

from botocore.loaders import JSONFileLoader

# Each session reads the models of AWS anew, and moto makes one per list of regions: a fifth of the import of the stack.
setattr(JSONFileLoader, "load_file", staticmethod(functools.cache(JSONFileLoader().load_file)))  # noqa: B010 - mypy
