"""One logger for the whole system: JSON lines that carry the job id, and never a secret, a signed URL or a text."""

from aws_lambda_powertools import Logger

LOG = Logger(service="asrcore")
