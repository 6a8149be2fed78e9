"""The local stack: template.yaml deployed on moto on this machine, its functions run as in Lambda."""
