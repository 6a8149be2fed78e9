"""The vendors: one module each. They build requests and read replies; `net/vendor_http.py` sends."""
