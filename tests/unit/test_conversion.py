"""Recordings that no vendor accepts as they are: the form that they are converted to, and their jobs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from asrcore.convert import convert
from asrcore.core.audio import Audio
from asrcore.core.aws_usage import CONVERT_GB, estimate_usage
from asrcore.core.conversion import form_for
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.job import Status
from asrcore.core.options import Options
from asrcore.core.routing import choose
from asrcore.core.step import Next
from asrcore.core.vendor import Limits, RecognitionRequest
from asrcore.deletion import delete
from asrcore.poll import check_overdue
from asrcore.restart import redrive
from asrcore.submit import submit
from asrcore.vendors.registry import VENDORS
from tests.support.fake_services import World
from tests.support.pipeline import KEY, QUERY, SOURCE, SYNC, drop, requests, wav, world
from tests.support.reasons import reason
from tests.support.toy import Toy

MINUTES_MS = 60_000
WEBM = Audio(format="webm", codec="opus", sample_rate_hz=48000, channels=1, duration_ms=MINUTES_MS // 2)
CALL = Audio(format="wav", codec="pcm_alaw", sample_rate_hz=8000, channels=2, duration_ms=30_000, bits_per_sample=8)


def request(
    audio: Audio = WEBM, *, named: bool = False, size_bytes: int = 100_000, **options: object
) -> RecognitionRequest:
    return RecognitionRequest("job", 1, audio, size_bytes, Options.model_validate(options), named=named)


def form_name(vendor: str, wanted: RecognitionRequest) -> str | None:
    form = form_for(VENDORS[vendor], wanted)
    return form and form.name


def enough(_vendor: object) -> None:
    return None


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_short_recording_becomes_16_khz_mono_pcm(vendor):
    assert form_name(vendor, request()) == "wav-16000-1"


@pytest.mark.parametrize("vendor", sorted(set(VENDORS) - {"tencent-sentence"}))
def test_long_recording_becomes_mp3(vendor):
    assert form_name(vendor, request(WEBM.model_copy(update={"duration_ms": 30 * MINUTES_MS}))) == "mp3-16000-1"


@pytest.mark.parametrize(
    ("vendor", "options", "form"),
    [
        pytest.param("tencent-rec-task", {}, "wav-8000-2", id="telephone engine, each side by itself"),
        pytest.param("tencent-rec-task", {"speakers": 2}, "wav-8000-1", id="speakers to be distinguished"),
        pytest.param("tencent-rec-task", {"channels": "mix"}, "wav-8000-1", id="channels to be mixed"),
        pytest.param("tencent-sentence", {}, "wav-8000-1", id="vendor cannot split"),
        pytest.param("abcpen", {"channels": "split"}, "wav-8000-1", id="vendor does not split"),
    ],
)
def test_telephone_call_keeps_what_its_vendor_can_use(vendor, options, form):
    assert form_name(vendor, request(CALL, **options)) == form


def test_studio_stereo_becomes_mono_unless_it_is_to_be_split():
    stereo = WEBM.model_copy(update={"channels": 2})

    assert form_name("volcengine", request(stereo)) == "wav-16000-1"
    assert form_name("volcengine", request(stereo, channels="split")) == "wav-16000-2"


def test_recording_beyond_the_size_limit_gets_a_smaller_form():
    long = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=48000, channels=1, duration_ms=100 * MINUTES_MS)

    selected = choose(request(long, size_bytes=576_000_000), ["volcengine"], VENDORS, enough, can_convert=True)

    assert selected.forms["volcengine"].name == "mp3-16000-1"


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(WEBM.model_copy(update={"duration_ms": 600 * MINUTES_MS}), id="too long for the vendor"),
        pytest.param(WEBM.model_copy(update={"format": "silk", "codec": "silk"}), id="no decoder"),
        pytest.param(WEBM.model_copy(update={"format": "pcm", "codec": "pcm_s16le"}), id="no header"),
    ],
)
def test_recording_that_conversion_cannot_help_has_no_form(audio):
    assert form_name("volcengine", request(audio)) is None


def test_vendor_without_conversion_comes_first():
    flac = WEBM.model_copy(update={"format": "flac", "codec": "flac", "sample_rate_hz": 16000})

    selected = choose(request(flac), ["volcengine", "abcpen-offline"], VENDORS, enough, can_convert=True)

    assert (selected.vendors, selected.forms) == (["abcpen-offline"], {})


def test_each_vendor_of_the_chain_has_its_own_form():
    selected = choose(request(CALL), ["tencent-sentence", "tencent-rec-task"], VENDORS, enough, can_convert=True)

    assert {name: form.name for name, form in selected.forms.items()} == {
        "tencent-sentence": "wav-8000-1",
        "tencent-rec-task": "wav-8000-2",
    }


def test_named_vendor_gets_an_unlisted_format_only_unconverted():
    named = request(WEBM, named=True)

    converted = choose(named, ["volcengine"], VENDORS, enough, can_convert=True)
    tried = choose(named, ["volcengine"], VENDORS, enough, can_convert=False)
    silk = replace(named, audio=WEBM.model_copy(update={"format": "silk", "codec": "silk"}))
    hopeless = choose(silk, ["volcengine"], VENDORS, enough, can_convert=True)

    assert (len(converted.forms), tried.forms, hopeless.forms) == (1, {}, {})


def test_second_audio_track_needs_a_conversion():
    mp4 = WEBM.model_copy(update={"format": "mp4", "codec": "aac"})

    first = choose(request(mp4, audio_track=1), ["volcengine"], VENDORS, enough, can_convert=True)
    second = choose(request(mp4, audio_track=2), ["volcengine"], VENDORS, enough, can_convert=True)

    assert (first.forms, list(second.forms)) == ({}, ["volcengine"])


def test_missing_credentials_are_named_before_conversion():
    with pytest.raises(AsrError) as caught:
        choose(request(), ["volcengine"], VENDORS, lambda _vendor: "the secret lacks it", can_convert=True)

    assert caught.value.code == "CredentialsMissing"


# ---- the way of a job ------------------------------------------------------------------------------------------------


class Mp3Only(Toy):
    """A vendor that takes MP3 alone."""

    limits = Limits(frozenset({"mp3"}), frozenset({"zh-CN"}), max_duration_ms=60_000, max_data_bytes=100_000)


def converting(*words: str | Exception, vendors: tuple[Toy, ...] = (QUERY,)) -> World:
    """A world with a stereo WAV, which no toy takes as it is."""
    made = world(*words, vendors=vendors)
    made.audio[KEY] = (wav(channels=2), {})
    made.conversion = "on"
    return made


def next_of(made: World) -> Next:
    return made.services.next_step(made.job()).next


def run_convert(made: World) -> Next:
    return convert(made.job().job_id, made.services, lambda: 900_000).next


def run_submit(made: World) -> Next:
    return submit(made.job().job_id, made.services).next


def test_recording_is_converted_before_its_slot_is_reserved():
    made = converting("done", vendors=(SYNC,))

    job = drop(made)

    assert made.executions.started[job.execution_name].next is Next.CONVERT
    assert (job.attempt.has_slot, requests(made)) == (False, [])
    assert run_convert(made) is Next.SUBMIT
    assert run_submit(made) is Next.COMPLETED
    assert made.converter.converted == [f"converted/{job.job_id}/wav-16000-1.wav of track 1"]


def test_transcript_states_the_conversion_with_a_warning():
    made = converting("done", vendors=(SYNC,))
    drop(made)
    run_convert(made)
    run_submit(made)

    text = made.results[f"transcripts/{KEY}.json"].decode()

    assert '"audio":{"format":"wav","codec":"pcm_s16le","sample_rate_hz":16000,"channels":2' in text
    assert '"conversion":{"form":"wav-16000-1","track":1,"audio":{"format":"wav"' in text
    assert "its sound was converted to mono WAV, 16 kHz" in text


@pytest.mark.parametrize("word", ["done", "config"], ids=["completed", "failed"])
def test_converted_recording_is_deleted_at_every_end(word):
    made = converting(word, vendors=(SYNC,))
    drop(made)
    run_convert(made)

    run_submit(made)

    assert made.job().finished
    assert not [key for key in made.audio if key.startswith("converted/")]


def test_deleting_a_job_deletes_what_was_converted_for_it():
    made = converting("done", vendors=(SYNC,))
    drop(made)
    run_convert(made)
    run_submit(made)
    made.audio[f"converted/{made.job().job_id}/wav-16000-1.wav"] = (b"left over", {})

    delete(made.job(), made.services)

    assert not [key for key in made.audio if key.startswith("converted/")]


def test_converted_recording_that_is_gone_is_converted_again():
    made = converting("done", vendors=(SYNC,))
    job = drop(made)
    run_convert(made)
    del made.audio[f"converted/{job.job_id}/wav-16000-1.wav"]
    made.pass_time(timedelta(days=8).total_seconds())

    assert run_submit(made) is Next.CONVERT
    assert run_convert(made) is Next.SUBMIT
    assert run_submit(made) is Next.COMPLETED


def test_conversion_that_fails_ends_the_job_with_its_reason():
    made = converting(vendors=(SYNC,))
    drop(made)
    made.converter.failure = AsrError(ErrorClass.BAD_AUDIO, "ConversionFailed", reason("it has no sound"))

    assert run_convert(made) is Next.SUBMIT
    assert run_submit(made) is Next.FAILED
    assert (made.job().error.code, requests(made)) == ("ConversionFailed", [])


def test_redriven_job_is_converted_anew():
    made = converting("done", vendors=(SYNC,))
    drop(made)
    made.converter.failure = AsrError(ErrorClass.BAD_AUDIO, "ConversionTooLong", reason("15 minutes"))
    run_convert(made)
    run_submit(made)
    made.converter.failure = None

    redrive(made.job().job_id, made.services)

    assert run_submit(made) is Next.CONVERT
    assert run_convert(made) is Next.SUBMIT
    assert run_submit(made) is Next.COMPLETED


def test_next_vendor_gets_its_own_form_and_the_same_form_is_kept():
    other = Mp3Only("toy-mp3", *SYNC.completion_modes)
    made = converting("config", "done", vendors=(SYNC, other))
    job = drop(made)
    run_convert(made)

    assert run_submit(made) is Next.CONVERT
    assert run_convert(made) is Next.SUBMIT
    assert run_submit(made) is Next.COMPLETED
    assert [each.split("/")[2] for each in made.converter.converted] == [
        "wav-16000-1.wav of track 1",
        "mp3-16000-1.mp3 of track 1",
    ]
    assert job.forms["toy-mp3"].name == "mp3-16000-1"


def test_repeated_convert_step_converts_nothing_twice():
    made = converting("accepted")
    drop(made)
    run_convert(made)

    assert run_convert(made) is Next.SUBMIT
    assert len(made.converter.converted) == 1


def test_job_awaiting_conversion_is_not_submitted():
    made = converting("accepted")
    job = drop(made)

    assert run_submit(made) is Next.CONVERT
    assert check_overdue(job.job_id, made.services).next is Next.CONVERT
    assert requests(made) == []


def test_unknown_length_is_that_of_the_converted_recording():
    made = converting("accepted")
    job = drop(made)
    made.jobs.save(job.model_copy(update={"audio": job.audio.model_copy(update={"duration_ms": None})}))

    run_convert(made)

    assert made.job().audio.duration_ms == 1000


def test_without_conversion_such_a_recording_fails():
    made = converting()
    made.conversion = "off"

    job = drop(made)

    assert (job.status, job.error.code) == (Status.FAILED, "NoVendorFits")


def test_cost_of_a_conversion_is_on_the_job():
    made = converting("done", vendors=(SYNC,))
    drop(made)
    run_convert(made)
    run_submit(made)
    job = made.job()
    hour = job.conversion.model_copy(update={"compute_ms": 60_000})

    usual, long = (estimate_usage(each, made.rates) for each in (job, job.model_copy(update={"conversion": hour})))

    assert long.compute_ms - usual.compute_ms == 60_000 * CONVERT_GB
    assert usual.invocations == 3  # the event, the conversion, the submission


def test_remote_recording_is_not_converted():
    made = converting()
    key = "linked/0123456789abcdef/meeting.flac"
    made.audio[key] = (b"https://media.example.com/meeting.flac", {})

    job = drop(made, SOURCE.model_copy(update={"key": key}))

    assert (job.status, job.error.code) == (Status.FAILED, "NoVendorFits")
    assert "A remote recording is not converted: upload the file itself." in job.error.message
