"""asrcore: a recording dropped into S3 becomes a transcript. This layer is the system; the functions only call it."""
