// The telephone of the page /phone: keys, tones and a voice. What it dials, hears and presses goes through the exchange.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);
  const page = $("phone");
  const LINE = "/phone/line";
  const LANGUAGES = { zh: "zh-CN", yue: "zh-HK", en: "en" };
  const MOST_LINES = 400;

  let language = "zh";
  let phone = null; // { name, events } while it is plugged in
  let state = "idle"; // idle, calling, talking, recording, ringing
  let keys = null; // the line of the transcript that gathers what is keyed
  let playing = null; // the sentence that is being said
  let unsent = ""; // keys on their way
  let sending = false;
  let since = 0; // when the phone was taken up, in milliseconds

  // --- texts in three languages -------------------------------------------------------------------------------------

  const text = (name) => page.querySelector(`[data-text="${name}"]`).dataset[language];

  function speak_page(chosen) {
    language = LANGUAGES[chosen] ? chosen : "zh";
    page.lang = LANGUAGES[language];
    for (const element of page.querySelectorAll("[data-zh]:not([data-text])")) {
      element.textContent = element.dataset[language];
    }
    $("page-language").value = language;
    keep("language", language);
    show();
  }

  function keep(name, value) {
    try { localStorage.setItem(`phone.${name}`, value); } catch { /* a page that may keep nothing works all the same */ }
  }

  function kept(name) {
    try { return localStorage.getItem(`phone.${name}`); } catch { return null; }
  }

  // --- sounds -------------------------------------------------------------------------------------------------------

  const ROWS = [697, 770, 852, 941];
  const COLUMNS = [1209, 1336, 1477];
  const PLACES = "123456789*0#";
  let audio = null;
  let bell = null;

  function sound(frequencies, seconds, loudness = 0.08) {
    if ($("tones").getAttribute("aria-pressed") !== "true" || !window.AudioContext) return;
    audio ??= new AudioContext();
    const gain = audio.createGain();
    gain.gain.setValueAtTime(loudness, audio.currentTime);
    gain.gain.setTargetAtTime(0, audio.currentTime + seconds, 0.01);
    gain.connect(audio.destination);
    for (const frequency of frequencies) {
      const tone = audio.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(gain);
      tone.start();
      tone.stop(audio.currentTime + seconds + 0.1);
    }
  }

  function key_tone(key) {
    const place = PLACES.indexOf(key);
    sound([ROWS[Math.floor(place / 3)], COLUMNS[place % 3]], 0.14);
  }

  function ring(on) {
    clearInterval(bell);
    if (on) {
      const once = () => sound([440, 480], 1);
      once();
      bell = setInterval(once, 3000);
    }
  }

  // --- a voice, where the browser has one ---------------------------------------------------------------------------

  const speech = window.speechSynthesis;
  const voices = () => (speech ? speech.getVoices() : []);

  function voice_of(lang) {
    const wanted = lang.startsWith("yue") ? /^(yue|zh[-_]HK)/i : lang.startsWith("en") ? /^en/i : /^(cmn|zh)(?![-_]HK)/i;
    return voices().find((voice) => wanted.test(voice.lang));
  }

  const reads_aloud = () => !$("voice").hidden && $("voice").getAttribute("aria-pressed") === "true";

  function offer_voice() {
    $("voice").hidden = !["cmn-CN", "yue-CN", "en-US"].some(voice_of);
  }

  function stop_saying(how) {
    if (!playing) return;
    clearTimeout(playing.timer);
    if (playing.voice) speech.cancel();
    playing.line.classList.remove("playing");
    if (how) playing.line.classList.add(how);
    playing = null;
  }

  function say_sentence(told, line) {
    stop_saying();
    const sentence = { line, voice: null, timer: 0 };
    const over = () => {
      if (playing !== sentence) return;
      stop_saying();
      if (phone?.aloud) act("said", { number: told.number });
    };
    playing = sentence;
    line.classList.add("playing");
    sentence.voice = reads_aloud() && told.text ? voice_of(told.lang) : null;
    if (!sentence.voice) {
      sentence.timer = setTimeout(over, told.seconds * 1000);
      return;
    }
    const utterance = new SpeechSynthesisUtterance(told.text);
    utterance.voice = sentence.voice;
    utterance.lang = sentence.voice.lang;
    utterance.rate = told.slow ? 0.75 : 1;
    utterance.onend = utterance.onerror = over;
    speech.speak(utterance);
  }

  // --- the transcript -----------------------------------------------------------------------------------------------

  function write(kind, words, lang, label) {
    const line = document.createElement("p");
    line.className = kind;
    if (lang) line.lang = lang;
    if (label) {
      const who = document.createElement("b");
      who.lang = LANGUAGES[language];
      who.textContent = label;
      line.append(who);
    }
    line.append(words);
    const list = $("heard");
    list.append(line);
    while (list.children.length > MOST_LINES) list.firstChild.remove();
    list.scrollTop = list.scrollHeight;
    keys = null;
    return line;
  }

  const note = (name, more = "") => write("note", text(name) + more);

  const spoken = (lang) => (lang.startsWith("yue") ? "zh-HK" : lang.startsWith("en") ? "en" : "zh-CN");

  // --- what the exchange tells --------------------------------------------------------------------------------------

  const tells = {
    dials: (told) => { become("calling"); write("note", `${text("dials")} ${told.to}`); },
    hears: (told) => {
      const line = write("heard", told.text ?? told.audio, spoken(told.lang));
      $("keyed").textContent = "";
      // On a small screen the transcript lies below: what is being said stands in the display as well.
      $("said").textContent = line.textContent;
      $("said").lang = line.lang;
      meter(0);
      say_sentence(told, line);
    },
    stops: () => stop_saying("stopped"),
    listens: (told) => meter(told.seconds),
    lost: (told) => note("lost", told.keys),
    waits: () => note("waits"),
    calls: (told) => note("calls", told.number),
    records: () => { become("recording"); sound([1000], 0.4); note("records"); },
    recorded: () => { become("calling"); note("recorded"); },
    rings: (told) => { become("ringing"); ring(true); note("rings", told.from); },
    answered: () => { become("calling"); ring(false); note("answered"); },
    connected: () => { become("talking"); note("connected"); },
    words: (told) => write("theirs", told.text, "", text("says")),
    tone: (told) => key_tone(told.key),
    parted: () => { become("calling"); note("parted"); },
    texts: (told) => write("texts", told.text, "zh-CN", `${text("texts")} ${told.to}`),
    repeated: (told) => note(told.same ? "repeated" : "repeated_otherwise"),
    rejected: (told) => write("bad", told.text, "en", text("rejected")),
    odd: (told) => write("note", told.text, "en"),
    ended: (told) => {
      stop_saying();
      ring(false);
      meter(0);
      if (state !== "idle") note(told.by === "phone" ? "you_hung_up" : "it_hung_up");
      become("idle");
    },
  };

  // --- what it looks like -------------------------------------------------------------------------------------------

  const is_agent = () => page.querySelector('[name="role"]:checked').value === "agent";

  function become(next) {
    if (state === "idle" || next === "idle") since = Date.now();
    state = next;
    show();
    if (next === "talking" || next === "recording") $("words").focus();
  }

  function show() {
    const on = state !== "idle";
    page.classList.toggle("ringing", state === "ringing");
    $("state").textContent = state === "idle" && is_agent() && phone ? text("is_ready") : text(`is_${state}`);
    $("call").hidden = state === "ringing";
    $("call").disabled = on || (is_agent() && phone !== null);
    $("call").firstElementChild.textContent = is_agent() ? text("plug_in") : $("call").firstElementChild.dataset[language];
    $("pick-up").hidden = state !== "ringing";
    $("hang-up").disabled = !on;
    $("lines").disabled = on;
    $("skip").disabled = $("repeat").disabled = !on || state === "ringing";
    $("say").hidden = state !== "talking" && state !== "recording";
    $("as-caller").hidden = is_agent();
    $("as-agent").hidden = !is_agent();
    if (!on) $("keyed").textContent = $("said").textContent = "";
  }

  function meter(seconds) {
    const bar = $("wait").firstElementChild;
    for (const running of bar.getAnimations()) running.cancel();
    $("wait").hidden = seconds === 0;
    if (seconds) bar.animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], seconds * 1000);
  }

  // --- what it does -------------------------------------------------------------------------------------------------

  async function ask(path, body = {}) {
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    try {
      const answer = await fetch(LINE + path, options);
      if (answer.status === 204) return {};
      const told = await answer.json();
      if (answer.ok) return told;
      write("bad", told.error ?? String(answer.status), "en", text("declined"));
    } catch {
      note("unreachable");
    }
    return null;
  }

  const act = (does, body) => (phone ? ask(`/${phone.name}/${does}`, body) : null);

  async function plug_in() {
    const aloud = !$("voice").hidden;
    const number = is_agent() ? $("agent").value : $("from").value.trim();
    const wanted = { number, answers: is_agent(), aloud };
    if (phone && phone.number === number && phone.answers === wanted.answers && phone.aloud === aloud) return true;
    unplug();
    const told = await ask("", wanted);
    if (!told) return false;
    const events = new EventSource(`${LINE}/${told.phone}/events`);
    const plugged = { name: told.phone, events, ...wanted };
    events.onmessage = (event) => {
      const heard = JSON.parse(event.data);
      tells[heard.kind]?.(heard);
    };
    events.onerror = () => {
      // A broken connection is made again by the browser; one that was refused means that the phone is known no more.
      if (events.readyState !== EventSource.CLOSED || phone !== plugged) return;
      phone = null;
      note("unplugged");
      tells.ended({ by: "hotline" });
    };
    phone = plugged;
    return true;
  }

  function unplug() {
    if (!phone) return;
    phone.events.close();
    navigator.sendBeacon(`${LINE}/${phone.name}/unplug`, new Blob(["{}"], { type: "application/json" }));
    phone = null;
  }

  async function call() {
    if (state !== "idle") return;
    if (!is_agent() && !$("from").reportValidity()) return;
    if (!(await plug_in())) return;
    if (is_agent()) {
      note("waits_for_calls", phone.number);
      show();
    } else {
      await act("dial", { to: $("to").value });
    }
  }

  function press(key) {
    key_tone(key);
    const button = page.querySelector(`[data-key="${CSS.escape(key)}"]`);
    button.classList.add("down");
    setTimeout(() => button.classList.remove("down"), 120);
    if (state === "idle" || state === "ringing") return;
    if (!keys) {
      const gathering = document.createTextNode("");
      write("keys", gathering, "", text("keys"));
      keys = gathering; // writing a line has ended the one before
    }
    keys.data += key;
    $("keyed").textContent = ($("keyed").textContent + key).slice(-20);
    unsent += key;
    send_keys();
  }

  // One request after the other, else a quick hand's keys would arrive in another order.
  async function send_keys() {
    if (sending) return;
    sending = true;
    while (unsent) {
      const batch = unsent;
      unsent = "";
      await act("keys", { keys: batch });
    }
    sending = false;
  }

  function toggle(button) {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    return on;
  }

  for (const button of page.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => press(button.dataset.key));
  }
  $("call").addEventListener("click", call);
  $("pick-up").addEventListener("click", () => act("pick-up"));
  $("hang-up").addEventListener("click", () => act("hang-up"));
  $("skip").addEventListener("click", () => { write("keys", text("silence")); act("skip"); });
  $("repeat").addEventListener("click", () => act("repeat"));
  $("voice").addEventListener("click", (event) => { if (!toggle(event.currentTarget)) speech.cancel(); });
  $("tones").addEventListener("click", (event) => toggle(event.currentTarget));
  $("slow")?.addEventListener("click", async (event) => {
    const button = event.currentTarget;
    if (!(await plug_in())) return;
    const on = button.getAttribute("aria-pressed") !== "true";
    if (await act("slow", { seconds: on ? 4 : 0 })) {
      toggle(button);
      note(on ? "slow" : "quick");
    }
  });
  $("large").addEventListener("click", (event) => {
    const on = toggle(event.currentTarget);
    document.documentElement.classList.toggle("large-type", on);
    keep("large", on ? "yes" : "");
  });
  $("page-language").addEventListener("change", (event) => speak_page(event.target.value));
  for (const choice of page.querySelectorAll('[name="role"]')) {
    choice.addEventListener("change", () => { unplug(); show(); });
  }
  $("agent").addEventListener("change", () => { unplug(); show(); });
  $("say").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = $("words").value.trim();
    if (!words) return;
    write("mine", words);
    act("words", { text: words });
    $("words").value = "";
  });

  document.addEventListener("keydown", (event) => {
    if (event.repeat) return;
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input:not([type=radio]), select, textarea")) {
      if (event.key === "Escape" && state !== "idle") act("hang-up");
      return;
    }
    if (/^[0-9*#]$/.test(event.key)) {
      event.preventDefault();
      press(event.key);
    } else if (event.key === "Escape" && state !== "idle") {
      act("hang-up");
    } else if (event.key === "Enter" && !event.target.closest("button, a, summary")) {
      event.preventDefault();
      if (state === "ringing") act("pick-up");
      else call();
    }
  });
  // What a page sends while it is hidden may be lost where another process draws the next one.
  // Whoever comes back to the page finds it with the receiver down.
  for (const leaving of ["beforeunload", "pagehide"]) {
    window.addEventListener(leaving, () => { unplug(); tells.ended({ by: "phone" }); });
  }

  setInterval(() => {
    const seconds = Math.floor((Date.now() - since) / 1000);
    const on = state !== "idle" && state !== "ringing";
    $("clock").textContent = on ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
  }, 1000);

  if (kept("large")) $("large").click();
  speak_page(kept("language") ?? (navigator.language.startsWith("en") ? "en" : /^(yue|zh-HK)/.test(navigator.language) ? "yue" : "zh"));
  offer_voice();
  if (speech) speech.addEventListener("voiceschanged", offer_voice);
  show();
})();
