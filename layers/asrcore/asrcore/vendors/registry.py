"""Every vendor, by name. A new one needs its module, its line here, its simulator and its object in the secret."""

from collections.abc import Mapping
from types import MappingProxyType

from asrcore.core.vendor import SHORT_CALL_S, Vendor
from asrcore.vendors.abcpen import Abcpen
from asrcore.vendors.abcpen_offline import AbcpenOffline
from asrcore.vendors.openai_compatible import OpenaiCompatible
from asrcore.vendors.tencent_rec_task import TencentRecTask
from asrcore.vendors.tencent_recording import TencentRecording
from asrcore.vendors.tencent_sentence import TencentSentence
from asrcore.vendors.volcengine import Volcengine
from asrcore.vendors.volcengine_bigmodel import VolcengineBigmodel

VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        vendor.name: vendor
        for vendor in (
            TencentSentence(),
            TencentRecTask(),
            VolcengineBigmodel(),
            AbcpenOffline(),
            TencentRecording(),
            Volcengine(),
            Abcpen(),
            OpenaiCompatible(),
        )
    }
)
LONG_CALLS = frozenset(name for name, vendor in VENDORS.items() if vendor.longest_call_s > SHORT_CALL_S)
