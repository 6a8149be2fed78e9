"""The local stack: template.yaml itself on an embedded AWS (moto) on this machine, its functions run as in Lambda."""
