"""Every vendor, by name. Adding one is its module, its line here, its simulator and its object in the secret."""

from collections.abc import Mapping
from types import MappingProxyType

from asrcore.core.vendor import Vendor
from asrcore.vendors.abcpen import Abcpen
from asrcore.vendors.abcpen_offline import AbcpenOffline
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
        )
    }
)
