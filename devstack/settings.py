"""Names and places of the local stack; light, so that the command line can speak before an AWS is loaded."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
CREDENTIALS = Path(__file__).with_name("credentials.json")
SAMPLES = ROOT / "samples"
# Where a local stack writes: two at once in one checkout need a folder each.
FOLDER = Path(os.environ.get("DEVSTACK_FOLDER", ROOT))
OUT = FOLDER / "out"
LOCAL = FOLDER / ".local"
LOGS = LOCAL / "logs"
RECOGNIZER_LOG = LOGS / "recognizer.log"
SAM_ENV = LOCAL / "sam-env.json"
FACTS = LOCAL / "stack.json"  # where the running stack is; `asrctl --local` reads it

STACK_NAME = "asrcore"
ACCOUNT_ID = "123456789012"
# The access key of this machine's user, who may do everything, and its secret.
CREDENTIAL = "local"

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
# The vendor that stands for an engine of one's own, which the embedded recogniser is here.
OWN_ENGINE = "openai-compatible"
OWN_ENGINE_PARAMETER = "OpenaiCompatibleBaseUrl"
ENDPOINT_PARAMETER = "AwsEndpointUrl"
