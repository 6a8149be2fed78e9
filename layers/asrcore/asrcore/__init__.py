"""asrcore: drop a recording into S3, get a transcript; this layer is the whole system, functions are its doors."""
