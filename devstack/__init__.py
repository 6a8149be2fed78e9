"""The local stack: template.yaml deployed on moto on this machine, its functions run as in Lambda."""

import functools

from botocore import session

session.create_loader = functools.cache(session.create_loader)
