"""Names and paths of the local stack. Imports no moto, so that the command line starts quickly."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
CREDENTIALS = Path(__file__).with_name("credentials.json")
SIGNING_KEYS = Path(__file__).with_name("signing_keys.json")
SAMPLES = ROOT / "samples"
# The folder that a local stack writes to: two at once in one checkout need one each.
FOLDER = Path(os.environ.get("DEVSTACK_FOLDER", ROOT))
OUT = FOLDER / "out"
LOCAL = FOLDER / ".local"
LOGS = LOCAL / "logs"
RECOGNIZER_LOG = LOGS / "recognizer.log"
SAM_ENV = LOCAL / "sam-env.json"
AWS_ENV = LOCAL / "aws.env"  # variables of a shell in which the aws CLI reaches the running stack
FACTS = LOCAL / "stack.json"  # the running stack's addresses; `asrctl --local` reads it

STACK_NAME = "asrcore"
SECRETS = {"VendorSecret": CREDENTIALS, "SigningSecret": SIGNING_KEYS}  # the content of each, by logical id
ACCOUNT_ID = "123456789012"

VENDOR_PARAMETERS = {
    "tencent-sentence": "TencentSentenceBaseUrl",
    "tencent-rec-task": "TencentRecTaskBaseUrl",
    "volcengine-bigmodel": "VolcengineBigmodelBaseUrl",
    "abcpen-offline": "AbcpenOfflineBaseUrl",
    "tencent-recording": "TencentRecordingBaseUrl",
    "volcengine": "VolcengineBaseUrl",
    "abcpen": "AbcpenBaseUrl",
    "openai-compatible": "OpenaiCompatibleBaseUrl",
}
# The vendor for a self-hosted engine, here the local recognizer.
OWN_ENGINE = "openai-compatible"
OWN_ENGINE_PARAMETER = "OpenaiCompatibleBaseUrl"
ENDPOINT_PARAMETER = "AwsEndpointUrl"
