"""The HTTP API: routes and their documents here, thin; what they do is in the use cases beside them."""
