"""How AWS is spoken to: every call has a time limit, and is retried by botocore where a retry is safe."""

from botocore.config import Config

CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 5})
