// Plays the recording: the bar with its buttons, and the picture of a recording that has one.

import { keep, make, option, recall, say, write } from "../common/common.js";
import { readable } from "./timeline.js";

const STEP_S = 5;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const HABITS = "asrcore.player"; // kept for the next transcript: speed, and whether silence is skipped
const RENEWED_AT = 0.8; // of an address's life
const DRIFT_S = 0.02; // between two players, that a listener does not notice
const RETRY_MS = 10_000; // after a renewal that failed

const once = (media, event) => new Promise((resolve, reject) => {
  media.addEventListener(event, resolve, { once: true });
  media.addEventListener("error", reject, { once: true });
});

// Create the player of a recording.
//   timeline: of the transcript, by `timelineOf`. length: of the recording in milliseconds, if it is known.
//   getAddress: returns a promise of the recording's `{ url, expires_in_s }`, without `expires_in_s` if there is no newer
//   one; null without a recording. tell: shows the message of a code. onTime: called with each new time in milliseconds;
//   onLength: when the recording's length is known. onSource: when there is a recording, so that the button to choose one
//   can stand elsewhere.
export function createPlayer({ timeline, length, getAddress, tell, onTime, onLength, onSource, signal }) {
  const habits = { speed: 1, skip: false, ...recall(HABITS) };
  let media = listenTo(make("video", { id: "player", preload: "metadata", playsInline: true, hidden: true }));
  let renewAt = Infinity, isRenewing = false, isLoaded = false, frame = 0;
  let isPlaying = false; // for the reader: also while an expired address is replaced

  // --- the bar ------------------------------------------------------------------------------------------------------

  const button = (code, label, action) => {
    const made = write(write(make("button", { type: "button" }), () => say(code)), () => say(label), "ariaLabel");
    made.addEventListener("click", action);
    return made;
  };
  const toggle = make("button", { type: "button", className: "play" });
  const back = button("viewer.back", "viewer.back_label", () => seek(now() - STEP_S * 1000));
  const forward = button("viewer.forward", "viewer.forward_label", () => seek(now() + STEP_S * 1000));
  const position = make("input", { type: "range", className: "position", min: 0, max: 1, step: "any", value: 0 });
  write(position, () => say("viewer.position"), "ariaLabel");
  const colours = make("canvas", { className: "colours" });
  colours.setAttribute("aria-hidden", "true");
  const clock = make("span", { className: "clock" });
  const speed = write(make("select", { className: "speed" }), () => say("viewer.speed"), "ariaLabel");
  speed.append(...SPEEDS.map((each) => option(each, () => say("viewer.speed_value", { speed: `${each}` }))));
  speed.value = SPEEDS.includes(habits.speed) ? habits.speed : 1;
  const check = (code, isOn) => {
    const box = make("input", { type: "checkbox", checked: isOn });
    return [box, make("label", { className: "check" }, box, write(make("span"), () => say(code)))];
  };
  const [skip, skipLabel] = check("viewer.skip_silence", habits.skip === true);
  const [follow, followLabel] = check("viewer.follow", true);
  const file = make("input", { type: "file", accept: "audio/*,video/*" });
  const chosen = write(make("span"), () => say("viewer.choose"));
  const pick = make("label", { className: "button" }, chosen, file);
  const bar = make("div", { className: "bar" },
    toggle, back, forward, make("div", { className: "track" }, colours, position), clock, speed, skipLabel, followLabel, pick);
  bar.role = "group";
  write(bar, () => say("viewer.recording"), "ariaLabel");

  const now = () => media.currentTime * 1000;
  const whole = () => (Number.isFinite(media.duration) ? media.duration * 1000 : (length ?? timeline.length));
  const hasSource = () => media.src !== "";
  function drawState() {
    toggle.dataset.shape = isPlaying ? "pause" : "play";
    write(toggle, () => say(isPlaying ? "viewer.pause" : "viewer.play"), "ariaLabel");
  }
  function drawTime() {
    const at = Math.min(now(), whole()), text = `${readable(at)} / ${readable(whole())}`;
    position.value = at;
    if (clock.textContent === text) return;
    clock.textContent = text;
    position.setAttribute("aria-valuetext", text);
  }
  function drawLength() {
    position.max = Math.max(1, whole());
    drawTime();
  }

  // --- the recording ------------------------------------------------------------------------------------------------

  function listenTo(made) {
    const of = (name, action) => made.addEventListener(name, () => { if (made === media) action(); }); // not of one before
    for (const name of ["play", "pause", "ended"]) {
      of(name, () => {
        if (media.error) return;
        isPlaying = !media.paused;
        drawState();
      });
    }
    of("play", () => frame || step());
    of("seeked", tick);
    of("timeupdate", () => { if (media.paused) drawTime(); else tick(); }); // also in a tab that is not visible
    of("durationchange", () => {
      drawLength();
      onLength();
    });
    of("loadedmetadata", () => {
      isLoaded = true;
      media.hidden = !media.videoWidth;
    });
    of("error", () => {
      if (isLoaded && renewAt < Infinity) renew(); // the address has expired early
      else giveUp();
    });
    return made;
  }

  function giveUp() {
    isPlaying = false;
    drawState();
    tell("viewer.not_playable");
  }

  // Replace the address while the recording plays from the old one: a second player loads it, and continues where the
  // first one is.
  async function renew() {
    if (isRenewing) return;
    isRenewing = true;
    const before = media, source = before.src, made = listenTo(make("video", { id: before.id, preload: "auto", playsInline: true }));
    try {
      const address = await getAddress();
      const move = (event) => {
        made.currentTime = before.currentTime;
        return once(made, event);
      };
      made.src = address.url;
      await move("canplay");
      if (Math.abs(made.currentTime - before.currentTime) > DRIFT_S) await move("seeked"); // it has moved meanwhile
      if (signal.aborted || before.src !== source) return; // the reader has chosen a file
      made.hidden = !made.videoWidth;
      media = made;
      setSpeed();
      expectEnd(address);
      before.replaceWith(made);
      if (isPlaying) made.play().catch(drawState); // it was paused before it began
      before.removeAttribute("src");
      before.load();
    } catch {
      if (signal.aborted) return;
      renewAt = performance.now() + RETRY_MS;
      if (before.error) giveUp();
    } finally {
      isRenewing = false;
    }
  }
  function expectEnd({ expires_in_s: seconds }) {
    renewAt = seconds === undefined ? Infinity : performance.now() + seconds * 1000 * RENEWED_AT;
  }
  function use(address) {
    media.src = address.url;
    setSpeed();
    isLoaded = false;
    expectEnd(address);
  }

  function show() {
    write(chosen, () => say("viewer.choose_another"));
    onSource();
    tell("");
  }
  async function start() {
    if (!getAddress) return;
    try {
      const address = await getAddress();
      if (hasSource() || signal.aborted) return; // the reader was faster
      use(address);
      show();
    } catch {
      tell("viewer.no_recording");
    }
  }
  function playFile(chosenFile) {
    const before = media.src, at = media.currentTime;
    use({ url: URL.createObjectURL(chosenFile) });
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
    media.currentTime = at;
    show();
  }

  // --- time ---------------------------------------------------------------------------------------------------------

  function tick() {
    if (!media.paused && performance.now() >= renewAt) renew();
    const silenceEnd = skip.checked && !media.paused ? timeline.silenceEnd(now()) : null;
    if (silenceEnd !== null) media.currentTime = silenceEnd / 1000;
    drawTime();
    onTime(now());
  }
  function step() {
    tick();
    frame = media.paused || signal.aborted ? 0 : requestAnimationFrame(step);
  }
  function setSpeed() {
    media.defaultPlaybackRate = media.playbackRate = Number(speed.value);
  }
  // The next whole millisecond's middle: a player that rounds down must not land in the word before.
  function seek(ms) {
    media.currentTime = (Math.max(0, ms) + 0.5) / 1000;
    if (!hasSource()) tell("viewer.choose_to_play");
    drawTime();
  }
  function playOrPause() {
    if (!hasSource()) return tell("viewer.choose_to_play");
    isPlaying = !isPlaying;
    drawState();
    if (!isPlaying) return media.pause();
    if (media.error && isLoaded && renewAt < Infinity) return renew();
    return media.play().catch(() => { // it was paused before it began, or cannot be played
      if (media.error && !isRenewing) giveUp();
    });
  }

  // Draw the bar in the colours of the speakers. colourOf: returns the colour of a turn, or null.
  function drawColours(colourOf) {
    const scale = window.devicePixelRatio, context = colours.getContext("2d");
    colours.width = Math.max(1, colours.clientWidth * scale);
    colours.height = Math.max(1, colours.clientHeight * scale);
    for (const turn of timeline.timed) {
      const colour = colourOf(turn), from = timeline.startOf(turn) / whole(), to = timeline.endOf(turn) / whole();
      if (!colour) continue;
      context.fillStyle = colour;
      context.fillRect(from * colours.width, 0, Math.max(scale / 2, (to - from) * colours.width), colours.height);
    }
  }

  toggle.addEventListener("click", playOrPause);
  position.addEventListener("input", () => seek(Number(position.value)));
  speed.addEventListener("change", () => {
    setSpeed();
    keepHabits();
  });
  skip.addEventListener("change", keepHabits);
  function keepHabits() {
    keep(HABITS, { speed: Number(speed.value), skip: skip.checked });
  }
  drawState();
  drawLength();

  return {
    bar,
    colours,
    picture: make("div", { className: "picture" }, media),
    file,
    pick,
    start,
    playFile,
    playOrPause,
    seek,
    drawColours,
    isFollowing: () => follow.checked,
    end() {
      media.pause();
      if (media.src.startsWith("blob:")) URL.revokeObjectURL(media.src);
      media.removeAttribute("src");
      media.load();
    },
  };
}
