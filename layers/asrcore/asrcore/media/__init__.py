"""What needs FFmpeg (PyAV); only ConvertFunction has it, in a layer of its own."""
