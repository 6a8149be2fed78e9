"""Use the viewer: listen, search, rename speakers, export; by mouse, by keys, on a phone, by screen reader."""

import io
import json
import re
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest
from playwright.sync_api import Locator, Page, expect

from asrcore.core.audio import Audio
from asrcore.core.form import Conversion
from asrcore.core.money import Amount, Cost
from asrcore.core.transcript import AttemptRecord, Transcript, Utterance, Word
from asrcore.messages import Message
from asrcore.messages.stored import StoredMessage
from asrcore.render import render, with_recording
from tests.browser.conftest import NO_WORDS, Opener, axe_violations, masked, words_of
from tests.support.sampled import exhaustive
from tests.support.transcripts import call, five_hours, said, transcript

RECORDING = Path(__file__).parents[2] / "samples" / "call.wav"


def with_sound(page: Page) -> Page:
    page.set_input_files("input[type=file]", RECORDING)
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")
    return page


def word(page: Page, text: str) -> Locator:
    return page.locator(".said span").filter(has_text=re.compile(f"^{text}")).first


def time_ms(page: Page) -> int:
    return page.evaluate("() => Math.floor(document.getElementById('player').currentTime * 1000)")


def expect_painted(page: Page, name: str, texts: list[str]) -> None:
    """Wait until exactly these texts have a highlight."""
    page.wait_for_function(
        """([name, texts]) => {
          const painted = [...(CSS.highlights.get(name) ?? [])].map((range) => range.toString());
          return JSON.stringify(painted) === JSON.stringify(texts);
        }""",
        arg=[name, texts],
    )


def test_utterances_show_speaker_time_and_text(show: Opener) -> None:
    page = show(call())

    expect(page).to_have_title("call.wav")
    expect(page.locator("#turns li")).to_have_text(
        [
            "0:00Speaker 1您好，是王先生吗？",
            "0:02Speaker 2是的，请问哪位？",
            "0:03Speaker 1您的快递到了。",
        ]
    )
    colours = page.locator("#turns .name").evaluate_all("all => all.map((name) => getComputedStyle(name).color)")
    assert colours[0] == colours[2] != colours[1]


def test_click_on_a_word_seeks_to_it(show: Opener) -> None:
    page = with_sound(show(call()))

    word(page, "快").click()

    expect(page.locator(".said .now")).to_have_text("快")
    expect(page.locator("#turns li[aria-current]")).to_contain_text("您的快递到了。")
    assert 3_740 < time_ms(page) < 4_560


def test_click_on_a_time_seeks_to_the_utterance(show: Opener) -> None:
    page = with_sound(show(call()))

    page.get_by_role("button", name="Play from 0:02").click()

    expect(page.locator(".said .now")).to_have_text("是")
    assert time_ms(page) == 2_260


def test_click_before_the_recording_loads_seeks_later(show: Opener) -> None:
    page = show(call())

    word(page, "哪").click()
    expect(page.locator("#message")).to_contain_text("Choose the recording")
    with_sound(page)

    expect(page.locator(".said .now")).to_have_text("哪")
    page.wait_for_function("() => document.getElementById('player').currentTime > 2.5")


def test_current_word_is_marked_while_playing(show: Opener) -> None:
    page = with_sound(show(call()))
    page.evaluate(
        """() => {
          window.seen = [];
          new MutationObserver((changes) => {
            const marked = changes.filter(({ target }) => target.classList.contains("now"));
            window.seen.push(...marked.map(({ target }) => target.textContent));
          }).observe(document.getElementById("turns"), { subtree: true, attributeFilter: ["class"] });
        }"""
    )

    page.locator("#transcript").press(" ")
    page.wait_for_function("() => document.getElementById('player').ended")

    # A busy machine draws some of the words only; each time's word is the next test's matter.
    spoken = "".join(page.evaluate("() => window.seen"))
    rest = iter("您好，是王先生吗？是的，请问哪位？您的快递到了。")
    assert spoken
    assert all(character in rest for character in spoken), spoken
    expect(page.locator(".said .now")).to_have_count(0)


def test_mark_matches_every_playback_time(show: Opener) -> None:
    page = with_sound(show(call()))
    marks = {  # by milliseconds
        0: [],  # before the first word
        300: ["您"],
        1_659: ["吗？"],  # the end of an utterance
        1_660: [],
        2_260: ["是"],
        4_559: ["了。"],
        4_800: [],  # the silence at the end
    }
    for ms, marked in marks.items():
        page.evaluate(
            """ms => new Promise((done) => {
              const player = document.getElementById("player");
              player.addEventListener("seeked", () => done(), { once: true });
              player.currentTime = (ms + 0.5) / 1000;
            })""",
            ms,
        )

        expect(page.locator(".said .now"), f"at {ms} ms").to_have_text(marked)


def test_arrow_keys_move_by_word_and_by_utterance(show: Opener) -> None:
    page = with_sound(show(call()))
    region = page.locator("#transcript")
    expect(region).to_be_focused()

    steps = [
        ("ArrowRight", "您"),
        ("ArrowRight", "好，"),
        ("ArrowRight", "是"),
        ("ArrowLeft", "好，"),
        ("ArrowDown", "是"),
        ("ArrowLeft", "吗？"),
        ("ArrowRight", "是"),
        ("ArrowDown", "您"),
        ("ArrowDown", "您"),
        ("ArrowUp", "是"),
    ]
    for key, expected in steps:
        region.press(key)
        expect(page.locator(".said .now")).to_have_text(expected)


def test_overlapping_speech_keeps_the_chosen_utterance(show: Opener) -> None:
    document = transcript(
        [
            said("甲乙丙", 0, 3_000, ("甲", 0, 1_000), ("乙", 1_000, 2_000), ("丙", 2_000, 3_000), speaker="1"),
            said("丁戊", 1_000, 3_000, ("丁", 1_000, 2_000), ("戊", 2_000, 3_000), speaker="2"),
        ]
    )
    page = with_sound(show(document))

    word(page, "乙").click()
    expect(page.locator(".said .now")).to_have_text("乙")
    page.locator("#transcript").press("ArrowRight")
    expect(page.locator(".said .now")).to_have_text("丙")
    word(page, "丁").click()
    page.locator("#transcript").press("ArrowRight")

    expect(page.locator(".said .now")).to_have_text("戊")


def test_space_key_plays_and_pauses(show: Opener) -> None:
    page = with_sound(show(call()))
    region = page.locator("#transcript")

    region.press(" ")
    page.wait_for_function("() => document.getElementById('player').currentTime > 0.1")
    region.press(" ")

    assert page.evaluate("() => document.getElementById('player').paused")


def test_keys_work_after_a_file_was_chosen(show: Opener) -> None:
    page = show(call())
    page.locator("input[type=file]").focus()

    with_sound(page)

    expect(page.locator("#transcript")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".said .now")).to_have_text("您")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.getElementById('player').currentTime > 0.5")


def test_keys_work_after_a_time_was_clicked(show: Opener) -> None:
    page = with_sound(show(call()))

    page.get_by_role("button", name="Play from 0:02").click()
    page.keyboard.press("Space")

    page.wait_for_function("() => document.getElementById('player').currentTime > 2.5")


def test_keys_work_without_focus(show: Opener) -> None:
    page = with_sound(show(call()))
    page.get_by_role("heading", level=1).click()
    assert page.evaluate("() => document.activeElement === document.body")

    page.keyboard.press("ArrowDown")
    expect(page.locator(".said .now")).to_have_text("您")
    page.keyboard.press("/")

    expect(page.get_by_role("searchbox")).to_be_focused()


def test_focused_controls_keep_their_own_keys(show: Opener) -> None:
    page = with_sound(show(call()))
    for focused, key, outcome in (
        ("input[type=search]", "/", "each => each.value === '/'"),
        ("select[aria-label=Format]", "ArrowDown", "each => each.value === 'srt'"),
        ("input[type=checkbox] >> nth=1", "Space", "each => !each.checked"),
        ("#panel details >> nth=0 >> summary", "Space", "each => !each.parentNode.open"),
        (".position", "ArrowRight", "each => each.value > 0"),
    ):
        control = page.locator(focused)
        control.focus()

        page.keyboard.press(key)

        page.wait_for_function(outcome, arg=control.element_handle())
        expect(page.locator(".said .now"), focused).to_have_count(0)
        assert page.evaluate("() => document.getElementById('player').paused"), focused


def test_shift_and_arrow_select_text(show: Opener) -> None:
    page = with_sound(show(call()))
    page.evaluate(
        """() => {
          const text = document.querySelector(".said span").firstChild;
          getSelection().setBaseAndExtent(text, 0, text, 1);
        }"""
    )

    page.keyboard.press("Shift+ArrowRight")

    assert page.evaluate("() => getSelection().toString()") == "您好"
    expect(page.locator(".said .now")).to_have_count(0)


def test_slash_typed_with_shift_opens_search(show: Opener) -> None:
    page = show(call())

    page.locator("#transcript").dispatch_event("keydown", {"key": "/", "shiftKey": True, "bubbles": True})

    expect(page.get_by_role("searchbox")).to_be_focused()


def test_search_counts_and_visits_hits(show: Opener) -> None:
    page = show(call())

    page.locator("#transcript").press("/")
    page.keyboard.type("您")
    expect(page.locator("#count")).to_have_text("1 of 2")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("2 of 2")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("1 of 2")
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#count")).to_have_text("2 of 2")

    expect_painted(page, "hit", ["您"])
    expect_painted(page, "hit-now", ["您"])


def test_search_folds_what_is_typed_and_said(show: Opener) -> None:
    later = ["Hello <b> World", "用ＵＳＢ 接口，人工", "智能 1,200 café New", "York, Straße ｶﾞ"]
    page = show(transcript([*call().utterances, *(said(text, 5_000, 6_000) for text in later)]))

    for sought, count, first in (
        ("王先生", "1 of 1", ["王先生"]),  # across words
        ("好，是", "1 of 1", ["好，是"]),  # across punctuation
        ("hello", "1 of 1", ["Hello"]),  # capitals
        ("<b>", "1 of 1", ["<b>"]),  # markup
        ("usb接口", "1 of 1", ["ＵＳＢ接口"]),  # width and case
        ("人工智能", "1 of 1", ["人工", "智能"]),  # across utterances
        ("1200", "1 of 1", ["1,200"]),  # separators
        ("CAFE", "1 of 1", ["café"]),  # accents
        ("new york", "1 of 1", ["New", "York"]),  # words across utterances
        ("strasse", "1 of 1", ["Straße"]),  # sharp s
        ("ガ", "1 of 1", ["ｶﾞ"]),  # half width kana
        ("wyork", "no hits", []),  # joined words
        ("没有", "no hits", []),  # nothing
        (".*", "no hits", []),  # no pattern
        ("  ", "", []),  # blank
    ):
        page.get_by_role("searchbox").fill(sought)

        expect(page.locator("#count"), sought).to_have_text(count)
        expect_painted(page, "hit-now", first)


def test_hits_are_listed_and_opened(show: Opener) -> None:
    page = show(call())

    page.get_by_role("searchbox").fill("您")

    hits = page.locator(".hits button")
    expect(hits).to_have_text(["0:00您好，是王先生吗？", "0:03您的快递到了。"])
    expect(page.locator(".hits mark")).to_have_text(["您", "您"])
    hits.nth(1).click()
    expect(page.locator("#count")).to_have_text("2 of 2")
    expect(hits.nth(1)).to_have_attribute("aria-current", "true")
    page.get_by_role("searchbox").fill("")
    expect(hits).to_have_count(0)


def rename(page: Page, name: Locator, to: str, key: str = "Enter") -> None:
    """Click a name, type another one, and press a key."""
    name.click()
    page.get_by_role("textbox", name="New name of").fill(to)
    page.keyboard.press(key)


def test_speaker_is_renamed_by_a_click_on_any_of_its_names(show: Opener) -> None:
    page = show(call())
    names, panel = page.locator("#turns .name"), page.locator("#panel .name")

    rename(page, names.nth(1), "王 <先> & 生")
    expect(names).to_have_text(["Speaker 1", "王 <先> & 生", "Speaker 1"])
    expect(panel).to_have_text(["Speaker 1", "王 <先> & 生"])
    rename(page, panel.first, "快递员", "Tab")

    expect(names).to_have_text(["快递员", "王 <先> & 生", "快递员"])
    assert "[0:02] 王 <先> & 生: 是的" in downloaded(page, "txt")[1]
    assert "<v 王 &lt;先&gt; &amp; 生>是的" in downloaded(page, "vtt")[1]


def test_name_keeps_the_keyboard_focus_where_it_was(show: Opener) -> None:
    page = show(call())

    rename(page, page.locator("#turns .name").first, "甲")
    expect(page.locator("#transcript")).to_be_focused()
    rename(page, page.locator("#panel .name").first, "乙", "Escape")

    expect(page.locator("#panel .name").first).to_be_focused()
    expect(page.locator("#turns .name")).to_have_text(["甲", "Speaker 2", "甲"])


def test_enter_of_an_input_method_does_not_end_a_name(show: Opener) -> None:
    page = show(call())
    page.locator("#turns .name").first.click()
    field = page.locator(".rename")

    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    field.fill("王先生")
    field.press("Enter")

    expect(page.locator("#turns .name")).to_have_text(["王先生", "Speaker 2", "王先生"])


def test_empty_speaker_name_restores_the_default(show: Opener) -> None:
    page = show(call())

    for name in ("王先生", " "):
        rename(page, page.locator("#turns .name").nth(1), name)

    expect(page.locator("#turns .name")).to_have_text(["Speaker 1", "Speaker 2", "Speaker 1"])


def test_merged_speakers_are_one_in_page_and_exports(show: Opener) -> None:
    page = show(call())
    rename(page, page.locator("#turns .name").first, "快递员")

    page.get_by_label("Speaker 2 is").select_option(label="The same as 快递员")

    expect(page.locator("#turns .head")).to_have_text(["0:00快递员"])
    expect(page.locator(".share")).to_have_text(["100%, 3 sec"])
    assert "[0:02] 快递员: 是的" in downloaded(page, "txt")[1]
    show.reload()
    expect(page.locator("#turns .head")).to_have_text(["0:00快递员"])
    page.get_by_label("Speaker 2 is").select_option(label="A speaker of its own")
    expect(page.locator("#turns .name")).to_have_text(["快递员", "Speaker 2", "快递员"])


def test_panel_shows_shares_of_time_and_no_warning(show: Opener) -> None:
    page = show(call())

    expect(page.locator(".share")).to_have_text(["69%, 2 sec", "31%, 1 sec"])
    expect(page.locator(".warnings dd")).to_have_text(["None"])


def test_nothing_but_changes_of_speakers_is_restored(show: Opener) -> None:
    page = show(call())
    unchanged = ["Speaker 1", "Speaker 2", "Speaker 1"]
    cases = [
        ('{"names": {"/1": "王先生"}}', ["王先生", "Speaker 2", "王先生"]),
        ('{"merged": {"/2": "/1"}}', ["Speaker 1"]),
        ('{"names": {"/1": 3, "/9": "x"}, "merged": {"/1": "/9"}}', unchanged),
        ('{"merged": {"/2": "/1", "/1": "/2", "/9": "/1"}}', ["Speaker 1"]),
        ('{"names": {"/1": " "}, "merged": []}', unchanged),
        ('["x"]', unchanged),
        ('"ab"', unchanged),
        ("[", unchanged),
    ]
    for kept, names in cases:
        show.run_first(f"localStorage.setItem('asrcore.speakers.job-1', {json.dumps(kept)})")

        page.reload()

        expect(page.locator("#turns .name"), kept).to_have_text(names)


def downloaded(page: Page, format: str) -> tuple[str, str]:
    page.get_by_label("Format").select_option(format)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    return download.value.suggested_filename, download.value.path().read_text(encoding="utf-8")


def test_download_equals_the_exported_file(show: Opener) -> None:
    page = show(call())
    for format in ("srt", "vtt", "txt"):
        name, text = downloaded(page, format)

        assert name == f"call.wav.{format}"
        assert text == render(call(), format).decode()


def test_copy_button_copies_the_text(show: Opener) -> None:
    page = show(call(), permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy").click()

    expect(page.locator("#message")).to_have_text("Copied.")
    assert page.evaluate("() => navigator.clipboard.readText()") == render(call(), "txt").decode()


def silent(seconds: int) -> dict[str, object]:
    """Return a recording without sound, as a file to choose."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 1, 3_000, 0, "NONE", ""))  # small: it goes to the browser as a message
        file.writeframes(b"\x80" * 3_000 * seconds)
    return {"name": "silent.wav", "mimeType": "audio/wav", "buffer": written.getvalue()}


def pictures(seconds: int = 6) -> dict[str, object]:
    """Return a video of a grey square, as a file to choose."""
    written = io.BytesIO()
    with av.open(written, "w", format="webm") as file:
        stream = file.add_stream("libvpx", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for nth in range(seconds):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([128]) * plane.buffer_size)
            frame.pts = nth
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return {"name": "meeting.webm", "mimeType": "video/webm", "buffer": written.getvalue()}


def choose(page: Page, file: dict[str, object]) -> None:
    page.set_input_files("input[type=file]", file)
    page.wait_for_function("() => document.getElementById('player').readyState >= 1")


def test_name_and_time_appear_where_the_speaker_changes(show: Opener) -> None:
    turns = [("1", 0), ("1", 2), ("2", 4), ("2", 30), ("2", 90), ("1", 92), (None, 94), (None, 96)]
    page = show(transcript([said("好。", s * 1_000, s * 1_000 + 900, speaker=name) for name, s in turns]))

    expect(page.locator("#turns .head")).to_have_count(5)  # drawn once the browser reports what is on the screen
    heads = page.locator("#turns li").evaluate_all(
        "all => all.map((item) => item.querySelector('.head')?.textContent ?? '')"
    )

    # After a minute of one speaker the time appears again, on paper with the name.
    assert heads == ["0:00Speaker 1", "", "0:04Speaker 2", "", "1:30Speaker 2", "1:32Speaker 1", "1:34", ""]
    again = page.locator("#turns .again")
    expect(again).to_be_hidden()
    page.emulate_media(media="print")
    expect(again).to_be_visible()


def test_bar_steps_and_changes_the_speed(show: Opener) -> None:
    page = show(call())
    choose(page, silent(20))
    bar = page.get_by_role("group", name="Recording")

    bar.get_by_role("button", name="Forward 5 seconds").click()
    bar.get_by_role("button", name="Forward 5 seconds").click()
    bar.get_by_role("button", name="Back 5 seconds").click()
    expect(bar.locator(".clock")).to_have_text("0:05 / 0:20")
    bar.get_by_label("Position").fill("12000")
    expect(bar.locator(".clock")).to_have_text("0:12 / 0:20")
    expect(bar.get_by_label("Position")).to_have_attribute("aria-valuetext", "0:12 / 0:20")
    bar.get_by_label("Speed").select_option("1.5×")
    assert page.evaluate("() => document.getElementById('player').playbackRate") == 1.5
    bar.get_by_role("button", name="Play").click()
    expect(bar.get_by_role("button", name="Pause")).to_be_visible()
    bar.get_by_role("button", name="Pause").click()

    show.reload()

    expect(page.get_by_label("Speed")).to_have_value("1.5")


def test_skip_silence_jumps_to_the_next_word(show: Opener) -> None:
    page = show(transcript([said("早上好。", 500, 1_000), said("再见。", 300_000, 301_000)]))
    choose(page, silent(302))
    page.get_by_label("Skip silence").check()

    page.locator("#transcript").press(" ")

    page.wait_for_function("() => document.getElementById('player').currentTime > 299")


def test_bar_has_the_colours_of_the_speakers(show: Opener) -> None:
    page = with_sound(show(call()))
    colour_at = """second => {
      const canvas = document.querySelector(".colours"), player = document.getElementById("player");
      const at = Math.floor(second / player.duration * canvas.width);
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      return [...copy.getImageData(at, 2, 1, 1).data].join();
    }"""
    page.wait_for_function(f"() => ({colour_at})(1) !== '0,0,0,0'")

    first, second, silence = (page.evaluate(colour_at, at) for at in (1, 3, 2))
    assert (first, second, silence) == ("29,78,216,255", "185,28,28,255", "0,0,0,0")
    page.get_by_label("Speaker 2 is").select_option(label="The same as Speaker 1")

    page.wait_for_function(f"first => ({colour_at})(3) === first", arg=first)


def test_recording_with_a_picture_shows_it(show: Opener) -> None:
    page = show(call())
    player = page.locator("#player")

    choose(page, pictures())
    expect(player).to_be_visible()
    word(page, "快").click()
    expect(page.locator(".said .now")).to_have_text("快")
    with_sound(page)

    expect(player).to_be_hidden()


def test_transcript_stays_in_place_without_follow(show: Opener) -> None:
    page = show(transcript([said(f"第{nth}句。", nth * 1_000, nth * 1_000 + 900) for nth in range(100)]))
    page.get_by_label("Follow").uncheck()

    page.get_by_label("Position").fill("90000")
    page.get_by_label("Position").press("ArrowRight")
    expect(page.locator(".clock").first).to_contain_text("1:3")

    assert page.locator("#transcript").evaluate("region => region.scrollTop") == 0


def test_words_of_low_confidence_are_shaded(show: Opener) -> None:
    words = [("您", 0.93), ("号", 0.41), ("吗", None)]
    spoken = [
        Word(start_ms=nth * 300, end_ms=nth * 300 + 300, text=text, confidence=confidence)
        for nth, (text, confidence) in enumerate(words)
    ]
    page = show(transcript([Utterance(start_ms=0, end_ms=900, text="您号吗？", words=spoken)]))

    doubtful = page.locator(".said .doubtful")

    expect(doubtful).to_have_text(["号"])
    expect(doubtful).to_have_attribute("title", "Confidence 41%")
    assert doubtful.evaluate("each => getComputedStyle(each).backgroundColor") != "rgba(0, 0, 0, 0)"


def test_print_shows_every_speaker_and_time(show: Opener) -> None:
    turns = [said(f"第{nth}句。", nth * 1_000, nth * 1_000 + 900, speaker=str(nth % 2)) for nth in range(200)]
    page = show(transcript(turns))
    assert page.locator("#turns .head").count() < 200

    printed = page.pdf()

    assert len(re.findall(rb"/Type /Page\b", printed)) > 4
    page.emulate_media(media="print")
    heads = page.locator("#turns .head").evaluate_all(
        "all => all.filter((each) => each.getBoundingClientRect().height > 0).map((each) => each.textContent)"
    )
    assert len(heads) == 200
    assert heads[-1] == "3:19Speaker 2"


def test_paper_has_no_controls(show: Opener) -> None:
    page = with_sound(show(call()))

    page.emulate_media(media="print")

    shown = page.locator("header, #panel, .bar, #keys, h1, #about, #turns").evaluate_all(
        "all => all.filter((each) => each.checkVisibility()).map((each) => each.id || each.localName)"
    )
    buttons = page.locator("button:not(.name, .time) >> visible=true").count()
    assert (shown, buttons) == (["header", "h1", "about", "turns"], 0)


def test_information_is_of_the_file(show: Opener) -> None:
    submitted, amount = datetime(2026, 1, 2, tzinfo=UTC), Amount(usd=0.5, cny=3.5)
    failed, done = (
        AttemptRecord(
            vendor="volcengine",
            vendor_task_id="t",
            submitted_at=submitted,
            ended_at=submitted + timedelta(seconds=65),
            outcome=outcome,
            code=code,
            message=code and "the server is busy",
        )
        for outcome, code in (("retry", "1022"), ("completed", None))
    )
    audio = Audio(format="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1, duration_ms=5_000)
    cost = Cost(vendor=amount, aws=amount, total=amount, usd_in_cny=7, prices_from=date(2026, 1, 1))
    known = {
        "attempts": [failed, done],
        "cost": cost,
        "conversion": Conversion(form="wav-16000-1", track=1, audio=audio, size_bytes=1),
    }
    page = show(call().model_copy(update=known))

    page.get_by_text("Information", exact=True).click()

    panel = page.locator("#panel dl")
    expect(panel.locator(".cost dd")).to_have_text(["$0.50"])
    expect(panel.locator(".attempts dd")).to_have_text(
        [re.compile(r": the server is busy \(1022\)$"), re.compile(": completed in 1 min, 5 sec$")]
    )
    expect(panel.locator(".conversion dd")).to_have_text(["WAV, 16 kHz, channels: 1"])


def test_texts_and_names_cannot_reorder_what_surrounds_them(show: Opener) -> None:
    """Texts, names, hits and titles are isolated: a control character for the direction ends with them."""
    name = "\u202egnp.exe"
    document = transcript([said(f"{name}好", 0, 900, speaker=name)], key=f"incoming/auto/{name}")
    page = show(document)
    page.get_by_role("searchbox").fill("好")
    expect(page.locator(".hits button")).to_have_count(1)
    expect(page.locator("#turns .name")).to_have_count(1)

    isolation = page.locator("h1, .said, .name, .hits bdi").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).unicodeBidi)"
    )

    assert len(isolation) == 5
    assert set(isolation) <= {"isolate", "plaintext"}
    assert page.locator(".said").text_content() == f"{name}好"
    assert downloaded(page, "txt")[1] == render(document, "txt").decode()
    rename(page, page.locator("#turns .name"), "\u202e王\u2069")
    expect(page.locator("#turns .name")).to_have_text("王")


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script><img src=x onerror=alert(3)>",
    "<!-- --> ]]> -->",
    "&lt;b&gt; \"quoted\" 'text'",
    "\u202egnp.exe \u0645\u0631\u062d\u0628\u0627",
    "👩\u200d👧 👍🏽 e\u0301",
    "javascript:alert(4) {{script}} ${1} `",
]


def test_hostile_text_is_shown_as_text(show: Opener) -> None:
    utterances = [
        said(text, index * 1_000, index * 1_000 + 900, speaker=text, channel=index % 2)
        for index, text in enumerate(HOSTILE)
    ]
    page = show(transcript(utterances, key=f"incoming/auto/{HOSTILE[1]}", language='"><script>alert(5)</script>'))

    expect(page.locator(".said")).to_have_count(len(HOSTILE))
    assert page.locator(".said").evaluate_all("all => all.map((said) => said.textContent)") == HOSTILE
    assert page.locator("img, iframe, object, .said script, .said b").count() == 0
    assert page.locator("script:not([type])").count() == 1


def test_page_from_disk_cannot_reach_the_network(show: Opener) -> None:
    """The policy applies even if the page's own script is made to send requests."""
    page = show(call(), expected="Content Security Policy")

    with server({"/x": ("text/plain", b"")}) as address:
        answer = page.evaluate("url => fetch(url).then(() => 'reached', () => 'refused')", f"{address}/x")
        image = page.evaluate(
            """url => new Promise((done) => {
              const image = new Image();
              image.onload = () => done("reached");
              image.onerror = () => done("refused");
              image.src = url;
            })""",
            f"{address}/x",
        )

    assert (answer, image) == ("refused", "refused")


def test_page_opened_by_the_api_loads_its_recording(show: Opener) -> None:
    with server({"/call.wav?sig=a&b": ("audio/wav", RECORDING.read_bytes())}) as address:
        pages = {
            "/page": ("text/html; charset=utf-8", with_recording(render(call(), "html"), f"{address}/call.wav?sig=a&b"))
        }
        with server(pages) as site:
            page = show(f"{site}/page")

            page.wait_for_function("() => document.getElementById('player').readyState >= 1")
            word(page, "快").click()

            expect(page.locator(".said .now")).to_have_text("快")
            assert page.evaluate("() => document.getElementById('player').duration") == pytest.approx(5.063, abs=0.1)


def test_page_is_chinese_in_a_chinese_browser(show: Opener, tmp_path: Path) -> None:
    page = show(call(), locale="zh-CN", permissions=["clipboard-write"])
    said_by_page = [page.locator("body").inner_text()]

    def look_up(sought: str) -> None:
        page.get_by_role("searchbox").fill(sought)
        expect(page.locator("#count")).to_have_text(re.compile("处|没有"))
        said_by_page.append(page.locator("#count").inner_text())
        page.get_by_role("searchbox").fill("")
        expect(page.locator("#count")).to_be_empty()

    for sought in ("您", "没有"):
        look_up(sought)
    for press in (lambda: word(page, "快").click(), lambda: page.get_by_role("button", name="复制").click()):
        press()
        expect(page.locator("#message")).not_to_be_empty()
        said_by_page.append(page.locator("#message").inner_text())
    names = page.locator("[aria-label], [placeholder]").evaluate_all(
        "all => all.map((each) => `${each.ariaLabel ?? ''} ${each.placeholder ?? ''}`)"
    )

    assert set(re.findall(r"[A-Za-z][A-Za-z.]*", " ".join([*said_by_page, *names]))) == {
        "call.wav",
        "English",
        "TXT",
        "SRT",
        "VTT",
    }
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_switch_changes_the_language_and_is_remembered(show: Opener) -> None:
    page = show(call())
    rename(page, page.locator("#turns .name").nth(1), "王先生")
    page.get_by_role("searchbox").fill("您")
    expect(page.locator("#count")).to_have_text("1 of 2")

    page.get_by_label("Language of this page").select_option("zh-CN")

    def check() -> None:
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.locator("#turns .name")).to_have_text(["说话人 1", "王先生", "说话人 1"])
        expect(page.locator("#about")).to_have_text(re.compile("普通话 · 火山引擎.* · 2026年1月2日 00:00"))
        expect(page.get_by_role("button", name="从 0:02 开始播放")).to_have_text("0:02")
        expect(page.get_by_role("button", name="下载")).to_be_visible()

    check()
    expect(page.locator("#count")).to_have_text("第 1 处，共 2 处")
    show.reload()
    check()
    expect(page.locator("#traditional")).to_be_hidden()


def test_warnings_are_in_the_language_of_the_page(show: Opener) -> None:
    warning = StoredMessage.of(Message("warning.no-speech"))
    later = StoredMessage(code="of-a-later-version", text="kept as it is")
    page = show(call().model_copy(update={"warnings": [warning, later]}))
    expect(page.locator(".warnings dd")).to_have_text([warning.text, later.text])
    expect(page.locator(".warnings dd").first).to_be_visible()

    page.get_by_label("Language of this page").select_option("zh-CN")

    chinese = warning.in_language("zh-CN").text
    assert chinese != warning.text
    expect(page.locator(".warnings dd")).to_have_text([chinese, later.text])


@pytest.mark.parametrize("locale", ["zh-TW", "zh-HK", "zh-Hant"])
def test_reader_of_traditional_chinese_gets_simplified_with_note(show: Opener, locale: str) -> None:
    page = show(call(), locale=locale)

    expect(page.locator("#traditional")).to_have_text("本页暂无繁体中文，以简体中文显示。")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_reader_of_another_language_gets_english(show: Opener) -> None:
    page = show(call(), locale="de-DE")

    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_files_have_names_in_the_language_of_the_recording(show: Opener) -> None:
    page = show(call(), locale="en-US")

    expect(page.locator("#turns .name").first).to_have_text("Speaker 1")
    assert "[0:00] 说话人 1: 您好" in downloaded(page, "txt")[1]


def test_every_text_of_the_viewer_is_of_the_catalogue(show: Opener, tmp_path: Path) -> None:
    """Replace the texts that the page carries by others: no word remains that is not data."""
    whole = transcript(list(call().utterances), key="incoming/auto/0.wav").model_copy(update={"vendor": "0"})
    path = tmp_path / "masked.html"
    path.write_text(masked(render(whole, "html").decode()), "utf-8")
    page = show(path.as_uri(), first=NO_WORDS, permissions=["clipboard-write"])
    page.locator("#panel details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    page.get_by_role("searchbox").fill("您")
    page.locator(".field button").nth(2).click()
    expect(page.locator("#message")).to_have_text("※")

    assert words_of(page) == {"wav", "Speaker", *["您好", "是王先生吗", "是的", "请问哪位", "您的快递到了"]}


def test_recording_that_cannot_be_played_shows_a_message(show: Opener, tmp_path: Path) -> None:
    page = show(call())
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound at all")

    page.set_input_files("input[type=file]", broken)
    expect(page.locator("#message")).to_contain_text("cannot be played")
    page.locator("#message").evaluate("message => { message.textContent = ''; }")
    page.keyboard.press("Space")

    expect(page.locator("#message")).to_contain_text("cannot be played")


@pytest.mark.parametrize(
    ("document", "message", "formats"),
    [
        pytest.param(transcript([]), "contains no speech", ["txt", "srt", "vtt"], id="silence"),
        pytest.param(transcript([said("好的", None, None)]), "no times", ["txt"], id="without-times"),
        pytest.param(transcript([], text="好的"), "no times", ["txt"], id="a-text-alone"),
    ],
)
def test_missing_speakers_and_words_are_stated(
    show: Opener, document: Transcript, message: str, formats: list[str]
) -> None:
    page = show(document)

    expect(page.locator("#message")).to_contain_text(message)
    assert page.get_by_label("Format").locator("option").evaluate_all("all => all.map((each) => each.value)") == formats
    for key in ("ArrowRight", "ArrowDown", "/"):
        page.locator("#transcript").press(key)


def test_five_hour_transcript_is_complete(show: Opener) -> None:
    document = five_hours()
    page = show(document)

    expect(page.locator("#turns li")).to_have_count(len(document.utterances))
    assert page.locator(".said span").count() < 5_000
    page.locator("#turns li").last.scroll_into_view_if_needed()
    last = page.locator("#turns li").last.locator(".said span").last
    last.click()

    expect(last).to_have_class("now")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    changes = sum(
        one.speaker != other.speaker for one, other in zip(document.utterances, document.utterances[1:], strict=False)
    )
    expect(page.locator("#turns .name")).to_have_count(changes + 1)
    page.get_by_role("searchbox").fill(document.utterances[3_000].text)
    expect(page.locator("#count")).to_have_text("1 of 1")
    expect(page.locator("#turns li").nth(3_000)).to_be_in_viewport()


def test_utterance_of_hours_is_laid_out_in_parts(show: Opener) -> None:
    document = five_hours(words=3_000, per_utterance=3_000)

    page = show(document)

    expect(page.locator("#turns li").nth(10)).to_be_attached()
    assert "".join(page.locator(".said").all_text_contents()) == document.utterances[0].text


@pytest.mark.parametrize(
    ("colors", "width", "locale"),
    [
        ("light", 1_000, "en-US"),
        ("dark", 360, "zh-TW"),
        exhaustive("dark", 1_000, "en-US"),
        exhaustive("light", 360, "zh-TW"),
    ],
)
def test_page_passes_axe(show: Opener, colors: str, width: int, locale: str) -> None:
    speakers = [said(f"第{nth}位。", nth * 1_000, nth * 1_000 + 900, speaker=str(nth)) for nth in range(9)]
    unclear = Word(start_ms=9_000, end_ms=9_500, text="不清", confidence=0.1)
    speakers.append(Utterance(start_ms=9_000, end_ms=9_500, text="不清", words=[unclear]))
    page = show(transcript(speakers), color_scheme=colors, viewport={"width": width, "height": 700}, locale=locale)
    if width < 1_000:
        page.locator(".opener").click()
    page.locator("#panel details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    page.get_by_role("searchbox").fill("位")
    expect(page.locator("#count")).to_have_text("1 of 9" if locale == "en-US" else "第 1 处，共 9 处")
    word(page, "第3位").click()
    page.locator("#turns .name").first.click()
    expect(page.locator(".rename")).to_be_focused()

    assert axe_violations(page) == []


def test_page_fits_a_phone_screen(show: Opener) -> None:
    page = show(call(), own=True, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Details").tap()
    page.get_by_role("searchbox").fill("您")
    expect(page.locator("#count")).to_have_text("1 of 2")

    bar, header = page.locator(".bar").bounding_box(), page.locator("header").bounding_box()
    assert (bar["y"] + bar["height"], header["height"] < 60) == (640, True)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    rights = page.locator("header *, .said").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().right)"
    )
    assert max(rights) <= page.viewport_size["width"]
    word(page, "王").tap()
    expect(page.locator(".said .now")).to_have_text("王")


@contextmanager
def server(pages: dict[str, tuple[str, bytes]]) -> Iterator[str]:
    """Serve these bytes on this machine, like an API or a bucket."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content_type, body = pages[self.path]
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first = int(asked[1]) if asked else 0
            part = body[first : int(asked[2]) + 1 if asked and asked[2] else None]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Accept-Ranges", "bytes")
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(body)}")
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *args: object) -> None:
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
