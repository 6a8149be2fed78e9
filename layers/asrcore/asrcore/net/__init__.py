"""HTTP to addresses that others gave: vendors, webhook receivers, remote recordings; all within a deadline."""
