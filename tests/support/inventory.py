"""An inventory of the audio bucket as S3 writes it (S3 guide: inventory lists)."""

import csv
import gzip
import io
import json
from typing import Any
from urllib.parse import quote_plus


def put_inventory(stack: Any, keys: list[str], folder: str, file_format: str = "CSV") -> str:
    """Put an inventory that names some keys into the audio bucket; the key of its manifest."""
    s3, bucket = stack.client("s3"), stack.audio_bucket
    rows = io.StringIO()
    csv.writer(rows, quoting=csv.QUOTE_ALL).writerows((bucket, quote_plus(key, safe="/")) for key in keys)
    body = gzip.compress(rows.getvalue().encode())
    data, manifest = f"inventory/{folder}/data/list.csv.gz", f"inventory/{folder}/manifest.json"
    s3.put_object(Bucket=bucket, Key=data, Body=body)
    told = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{bucket}",
        "version": "2016-11-30",
        "fileFormat": file_format,
        "fileSchema": "Bucket, Key",
        "files": [{"key": data, "size": len(body)}],
    }
    s3.put_object(Bucket=bucket, Key=manifest, Body=json.dumps(told).encode())
    return manifest
