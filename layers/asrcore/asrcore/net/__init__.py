"""HTTP to vendors, webhook receivers and remote recordings, each exchange within a deadline."""
