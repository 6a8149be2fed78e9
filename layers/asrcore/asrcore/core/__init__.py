"""The pure centre of asrcore: no AWS, no HTTP, no clock; it imports nothing from the floors above."""
