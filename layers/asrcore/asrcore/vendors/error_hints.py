"""What an operator can do about a vendor's code: sentences that several vendors share."""

from asrcore.messages import Message

REPORT = Message("advice.report")
WAIT = Message("advice.wait")
SLOWER = Message("advice.slower")
DOWNLOAD = Message("advice.download")
CONVERT = Message("advice.convert")
UPLOAD_AGAIN = Message("advice.upload-again")
