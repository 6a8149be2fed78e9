"""What an operator can do about a vendor's code: sentences that several vendors share."""

REPORT = "Nothing is wrong with the recording: report this to the maintainers of asrcore with the job id."
WAIT = "It is tried again; if it persists, look at the vendor's status page."
SLOWER = "It is tried again later; if it happens often, lower the vendor's rate limit in the stack's parameters."
DOWNLOAD = (
    "It is tried again with a fresh URL; if it persists, check that the bucket can be reached from mainland China."
)
CONVERT = "Convert the recording to 16 kHz, 16 bit WAV or MP3 and upload it again."
UPLOAD_AGAIN = "Upload the recording again."
