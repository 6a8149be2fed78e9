"""AWS's quotas that the stack depends on."""

# New accounts have 10 (AWS Lambda guide, "Lambda quotas"): a burst of recordings would be throttled. Lambda also keeps
# as many for functions without reserved concurrency.
LEAST_CONCURRENCY = 100
CONCURRENCY_QUOTA = "L-B99A9384"  # of the service `lambda`
