"""The local speech recognizer: a Whisper model on this machine, behind the OpenAI transcription interface.

A development tool beside the simulators; nothing of it is deployed. It runs in a process of its own
(`python -m recognizer`), which `process.RecognizerProcess` supervises and `client.Client` calls.
"""
