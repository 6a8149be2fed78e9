"""GET /estimate: the vendor that a recording of some length would go to, what it would cost, and its turnaround."""

from asrcore.api.job_views import choice as shown
from asrcore.api.models import Estimate
from asrcore.core.choice import ChoiceReason, VendorChoice
from asrcore.core.cost import estimate, usual_audio
from asrcore.core.option_sources import merge, read_request_text
from asrcore.core.options import RequestedOptions
from asrcore.core.routing import AUTO, choose
from asrcore.core.vendor import RecognitionRequest
from asrcore.messages import Language
from asrcore.services import Services


def make_estimate(
    vendor: str | None,
    seconds: float,
    size_bytes: int | None,
    options: str,
    services: Services,
    *,
    language: Language,
) -> Estimate:
    """Estimate a recording with a vendor, or with the one that automatic choice gives to speech in a usual format.

    Args:
        vendor: None or `auto` for automatic choice, which assumes every vendor's credentials.
        seconds: the recording's length.
        size_bytes: its size; None where it is not known.
        options: JSON, as in a sidecar.
        services: the stack's services.
        language: of the texts.

    Raises:
        AsrError: an option is not allowed, or no vendor accepts such a recording.
    """
    duration_ms = round(seconds * 1000)
    requested = merge(
        services.settings.defaults, read_request_text(options, services.vendors), RequestedOptions(vendor=vendor)
    )
    name, choice = requested.vendor or AUTO, VendorChoice(code=ChoiceReason.NAMED)
    if name == AUTO:
        request = RecognitionRequest("", 1, usual_audio(duration_ms), size_bytes or 0, requested.options)
        selected = choose(request, services.settings.vendor_chain, services.vendors, lambda _: None)
        name, choice = selected.vendors[0], selected.choice
    typical_s = services.turnaround_stats.typical_s(name, seconds, services.now())
    cost = estimate(name, duration_ms, services.settings.rates, size_bytes=size_bytes, turnaround_s=typical_s)
    return Estimate(vendor=name, choice=shown(choice, language), seconds=seconds, cost=cost, typical_s=typical_s)
