// The banner, live: listens to the daemon's events, asks every 10 s when it cannot, and says so when nobody answers.
"use strict";

const EVENTS = "/api/system/health/events";
const HEALTH = "/api/system/health?http=200"; // always 200: a browser logs every other code as an error
const SUMMARY = "/api/system/health/summary?http=200";
const SINKS = "/api/sinks";
const POLL = 10_000;
const RECORDING_POLL = 5_000;
const HIDDEN_POLL = 15_000;
const SILENCE = 40_000; // the daemon gives a sign of life every 15 s
const ANSWER = 5_000;
const LONGEST = 15; // seconds between two tries

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const { glyphs, words, signs, sinkSigns, serviceSigns, serviceCounts, jobSigns, acts } = JSON.parse($("desk").dataset.words);

let offset = Date.parse(root.dataset.now) - Date.now(); // the desk's clock may be simulated
let shown = null; // the document on the page
let source = null;
let heardAt = Date.now(); // the stream's last sign of life, or when it was opened
let knownAt = Date.parse(root.dataset.now); // the desk's time when it last said how it is
let attempt = 0;
let nextTry = 0;
let downSince = null;
let link = "starting";
let timers = { poll: 0, again: 0 };

// --- time ---------------------------------------------------------------------------------------------------------

const deskNow = () => new Date(Date.now() + offset);
const inIndia = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Kolkata", ...options });
const clockFormat = inIndia({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = inIndia({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const shortDay = inIndia({ weekday: "short", day: "numeric", month: "short" });

/** 09:20, with the day when that is not today. */
function at(iso) {
  const moment = new Date(iso);
  const time = clockFormat.format(moment).slice(0, 5);
  return dayFormat.format(moment) === dayFormat.format(deskNow()) ? time : `${shortDay.format(moment).replace(",", "")} ${time}`;
}

function lasting(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${seconds} s`;
}

// --- what is shown ------------------------------------------------------------------------------------------------

function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

function show(doc) {
  shown = doc;
  const { code, severity, text: headline, detail, since, action } = doc.headline;
  const glyph = severity === "critical" ? "✕" : severity === "warning" && !"…?".includes(glyphs[code]) ? "!" : glyphs[code];
  dress(severity, glyph, acts[action && severity === "critical" ? "login" : severity], headline, detail);
  text($("since"), `since ${at(since)}`);
  $("login").hidden = !action;
  if (action) $("login").href = action.href;
  $("retry").hidden = true;
  chip("auth", doc.checks["auth:token"][0]);
  accounts(doc.checks["auth:token"]);
  chip("feed", doc.checks["feed:stream"][0]);
  market(doc.checks["market:session"]);
  tick();
}

function dress(severity, glyph, act, headline, detail) {
  root.dataset.severity = severity;
  text($("glyph"), glyph);
  text($("act"), act);
  text($("headline"), headline);
  text($("detail"), detail);
  const title = `${glyph} ${headline} – tradewarden`;
  if (document.title !== title) document.title = title;
  const icon = `/static/icon-${severity}.svg`;
  if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
}

function chip(layer, check, more = `since ${at(check.time)}`) {
  const element = $(layer);
  const state = check.observedValue;
  element.dataset.status = check.status;
  text(element.querySelector(".sign"), sign(check));
  text(element.querySelector(".state .word"), words[layer][state] ?? state);
  text(element.querySelector(".more"), more);
}

function sign(check) {
  if (check.status === "fail") return "✕";
  return signs[check.observedValue] ?? (check.status === "pass" ? "✓" : "!");
}

const until = (check) => (check.next ? `until ${at(check.next.at)}` : "");

function market(checks) {
  chip("market", checks[0], until(checks[0]));
  $("segments").hidden = checks.length < 2;
  $("segments").replaceChildren(...checks.map(segment));
}

const segment = (check) => row(check, "market", until(check));

/** Every account of a desk with several, each with the link to its login when it needs one. */
function accounts(checks) {
  $("accounts").hidden = checks.length < 2;
  $("accounts").replaceChildren(...(checks.length < 2 ? [] : checks.map(account)));
}

function account(check) {
  if (!check.action) return row(check, "auth", `since ${at(check.time)}`);
  const link = document.createElement("a");
  link.href = check.action.href;
  link.textContent = "Log in";
  return row(check, "auth", link);
}

function row(check, layer, last) {
  return list(check.status, [
    ["name", check.componentId],
    ["sign", sign(check)],
    ["word", words[layer][check.observedValue] ?? check.observedValue],
    ["until", last],
  ]);
}

function list(status, parts) {
  const line = document.createElement("li");
  line.dataset.status = status;
  for (const [kind, value] of parts) {
    const part = document.createElement("span");
    part.className = kind;
    part.append(value);
    if (kind === "sign") part.setAttribute("aria-hidden", "true");
    line.append(part, " ");
  }
  return line;
}

/** How the recording stands: asked for, since it changes with every tick and no health answer should. */
async function recording() {
  if (!$("recording") || document.hidden || link !== "live") return;
  try {
    const { journal, gapsToday, sinks } = await ask(SINKS);
    text($("tally"), tally(journal, gapsToday));
    $("stores").replaceChildren(...sinks.map(store));
  } catch {
    // The health stream says so, if the daemon is gone.
  }
}

const figure = (number) => number.toLocaleString("en-US");

function tally(journal, gaps) {
  const parts = [];
  if (journal) parts.push(`${figure(journal.recorded)} ticks recorded since the start`, journal.lost ? `${figure(journal.lost)} lost` : "none lost");
  if (gaps) parts.push(`${gaps.count || "no"} gap${gaps.count === 1 ? "" : "s"} today${gaps.count ? ` (${figure(Math.round(gaps.seconds))} s)` : ""}`);
  return parts.join(", ");
}

function waits(lag) {
  const seconds = Math.floor(lag);
  if (seconds < 2) return "";
  if (seconds < 120) return `${seconds} s behind`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min behind` : `${Math.floor(seconds / 3600)} h behind`;
}

function store(sink) {
  return list(sink.status, [
    ["name", sink.name],
    ["sign", sinkSigns[sink.state] ?? "!"],
    ["word", words.sinks[sink.state] ?? sink.state],
    ["lag", waits(sink.lagSeconds)],
  ]);
}

/** The daemon does not answer: this overrides every state, since none of them is known to be true any more. */
function offline() {
  const from = clockFormat.format(new Date(knownAt));
  dress("offline", "⚡\ufe0e", "Unknown", "Not connected to the daemon", `The state below is from ${from} and may be wrong.`);
  $("login").hidden = true;
  $("retry").hidden = false;
}

/** Whatever changes with time alone. */
function tick() {
  if (document.hidden) return;
  const now = deskNow();
  text($("clock"), clockFormat.format(now));
  text($("today"), dayFormat.format(now).replace(",", ""));
  const since = shown?.headline.since;
  text($("for"), since && link !== "offline" ? ` · ${lasting(now - new Date(since))}` : "");
  const next = shown?.checks["market:session"][0].next;
  if (next) text($("market").querySelector(".more"), `until ${at(next.at)} · in ${lasting(new Date(next.at) - now)}`);
  say();
}

// --- the desk's programs ---------------------------------------------------------------------------------------------

let programs = null; // as they were last told, which is on this machine and to an admin only

function desk(doc) {
  programs = doc;
  if (!$("services")) return;
  const { desk, host, services } = doc;
  text($("services-tally"), servicesTally(desk, host, services));
  $("programs").replaceChildren(...services.map(service));
}

/** One of them has changed. */
function changed(service) {
  if (!programs) return;
  desk({ ...programs, services: programs.services.map((each) => (each.name === service.name ? service : each)) });
}

function servicesTally({ state, reason, phase, phases, keepersReachable }, host, services) {
  const count = (name) => services.filter((each) => each.state === name).length;
  const told = [`${count("up")} of ${services.length} up`];
  for (const [name, one, many] of serviceCounts) if (count(name)) told.push(`${count(name)} ${count(name) === 1 ? one : many}`);
  const parts = [`${words.desk[state]}${phase === null ? "" : `, phase ${phase} of ${phases.length}`}: ${told.join(", ")}`];
  if (reason !== null) parts.push(reason);
  if (!keepersReachable) parts.push("The keepers cannot be reached: nothing can be started");
  if (host) parts.push(`The machine: CPU ${host.cpuPercent.toFixed(0)} %, memory ${(host.memoryUsed / 1e9).toFixed(1)} of ${(host.memoryTotal / 1e9).toFixed(1)} GB`);
  return parts.join(". ");
}

function service(each) {
  return list(each.status, [
    ["name", each.name],
    ["sign", serviceSigns[each.state] ?? "!"],
    ["word", words.services[each.state] ?? each.state],
    ["lag", serviceFigures(each)],
    ["why", each.reason || each.says || ""],
  ]);
}

function serviceFigures({ memoryBytes, cpuPercent, restarts, errorsLastHour }) {
  const told = [];
  if (memoryBytes !== null) told.push(`${(memoryBytes / 1e6).toFixed(0)} MB`);
  if (cpuPercent !== null) told.push(`${cpuPercent.toFixed(1)} %`);
  for (const [count, word] of [[restarts, "restart"], [errorsLastHour, "error"]]) if (count) told.push(`${count} ${word}${count === 1 ? "" : "s"}`);
  return told.join(" · ");
}

// --- the desk's jobs ---------------------------------------------------------------------------------------------------

const jobs = new Map(); // as they were last told, to whoever may see them
const keyOf = (job) => `${job.name}@${job.user}`;

/** How one of them stands has changed, or is told at the begin. */
function job(doc) {
  jobs.set(keyOf(doc), doc);
  showJobs();
}

/** A run of one of them has changed. */
function ran(run) {
  const doc = jobs.get(`${run.job}@${run.user}`);
  if (!doc) return;
  const isOpen = run.endedAt === null && ["queued", "running"].includes(run.outcome);
  if (run.outcome === "skipped") return; // it was refused: what the job did last is another run
  if (isOpen) doc.running = run;
  else Object.assign(doc, { last: run, running: doc.running?.id === run.id ? null : doc.running });
  showJobs();
}

function showJobs() {
  if (!$("jobs")) return;
  const all = [...jobs.values()];
  $("jobs").hidden = all.length === 0;
  text($("jobs-tally"), jobsTally(all));
  $("job-list").replaceChildren(...all.map(jobRow));
}

function jobsTally(all) {
  const running = all.filter((each) => each.running?.outcome === "running").length;
  const coming = all.filter((each) => each.nextDue).sort((one, other) => Date.parse(one.nextDue) - Date.parse(other.nextDue))[0];
  const told = `${all.length} job${all.length === 1 ? "" : "s"}${running ? `, ${running} running` : ""}`;
  return coming ? `${told}; next: ${coming.name} at ${at(coming.nextDue)}` : `${told}; none is due`;
}

function jobRow(each) {
  const run = each.running ?? each.last;
  return list(each.status, [
    ["name", each.user ? `${each.name} · ${each.user}` : each.name],
    ["sign", each.problem !== null ? "✕" : run ? (jobSigns[run.outcome] ?? "!") : "○"],
    ["word", jobWord(each)],
    ["lag", jobTimes(each)],
    ["why", jobWhy(each, run)],
  ]);
}

function jobWord(each) {
  const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
  if (each.running) return capital(words.jobs[each.running.outcome]);
  if (!each.enabled) return "Disabled";
  if (each.stands === "stopped") return "Stopped";
  return each.last ? capital(words.jobs[each.last.outcome]) : "Never ran";
}

function jobTimes(each) {
  const after = each.enabled && each.stands !== "stopped" && each.schedules.find((text) => text.startsWith("after "));
  const told = each.nextDue ? [`next ${at(each.nextDue)}`] : after ? [after.split(" on ")[0]] : [];
  if (each.running?.startedAt) told.push(`since ${at(each.running.startedAt)}`);
  else if (each.last) told.push(`last ${at(each.last.startedAt ?? each.last.due)}`);
  return told.join(" · ");
}

function jobWhy(each, run) {
  const told = [each.problem, each.notice, each.whyNot && `not today: ${each.whyNot}`];
  if (run && !["success", "running"].includes(run.outcome)) told.push(run.reason);
  return told.filter(Boolean).join(". ");
}

// --- the connection -----------------------------------------------------------------------------------------------

function linked(state) {
  link = state;
  $("link").dataset.link = state;
  say();
}

function say() {
  const wait = Math.max(0, Math.ceil((nextTry - Date.now()) / 1000));
  const soon = wait ? `next in ${wait} s` : "now";
  const sentences = {
    starting: "connecting",
    live: "connected",
    polling: document.hidden ? "asking now and then" : `asking every ${POLL / 1000} s`,
    retrying: `reconnecting (${attempt}), ${soon}`,
    offline: `offline since ${downSince ? clockFormat.format(downSince).slice(0, 5) : ""}, ${soon}`,
  };
  text($("link-text"), sentences[link]);
}

function heard() {
  heardAt = Date.now();
  knownAt = deskNow().getTime();
  downSince = null;
}

function open() {
  clearTimeout(timers.again);
  source?.close();
  const stream = (source = new EventSource(EVENTS));
  heardAt = Date.now();
  stream.addEventListener("health", (event) => {
    attempt = 0;
    clearTimeout(timers.poll);
    heard();
    linked("live");
    show(JSON.parse(event.data));
    recording();
  });
  stream.addEventListener("desk", (event) => desk(JSON.parse(event.data)));
  stream.addEventListener("service", (event) => changed(JSON.parse(event.data)));
  stream.addEventListener("run", (event) => ran(JSON.parse(event.data)));
  stream.addEventListener("schedule", (event) => job(JSON.parse(event.data)));
  stream.addEventListener("clock", (event) => {
    const now = Date.parse(JSON.parse(event.data).now);
    if (Math.abs(now - deskNow()) > 2_000) offset = now - Date.now();
    heard();
  });
  stream.onerror = () => lost(stream);
}

/** Our own retries instead of the browser's: they can be seen, and they do not stop at an answer other than 200. */
function lost(stream) {
  if (stream !== source) return;
  stop();
  attempt += 1;
  const wait = Math.min(LONGEST, 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
  nextTry = Date.now() + wait * 1000;
  timers.again = setTimeout(open, wait * 1000);
  if (link !== "offline" && link !== "polling") linked("retrying");
  poll();
}

function stop() {
  source?.close();
  source = null;
  clearTimeout(timers.again);
  clearTimeout(timers.poll);
}

async function poll() {
  clearTimeout(timers.poll);
  try {
    const summary = await ask(SUMMARY);
    if (shown?.seq !== summary.seq || shown?.headline.code !== summary.code || link === "offline") {
      const doc = await ask(HEALTH);
      if (link !== "live") show(doc);
    }
    heard();
    if (link !== "live") linked("polling");
  } catch {
    if (link === "live") return; // the stream came back first
    downSince ??= deskNow();
    linked("offline");
    offline();
  }
  if (link !== "live") timers.poll = setTimeout(poll, document.hidden ? HIDDEN_POLL : POLL);
}

async function ask(path) {
  const answer = await fetch(path, { cache: "no-cache", signal: AbortSignal.timeout(ANSWER) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

// A hidden tab keeps no stream: browsers allow six connections to a server, and six forgotten tabs would use them up.
// It goes on asking, so that title and icon still tell.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stop();
    linked("polling");
    timers.poll = setTimeout(poll, HIDDEN_POLL);
  } else {
    attempt = 0;
    open();
  }
});
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && open());
addEventListener("online", () => link !== "live" && open());
$("retry").addEventListener("click", open);

setInterval(() => {
  if (source && link === "live" && Date.now() - heardAt > SILENCE) lost(source);
  tick();
}, 1000);
setInterval(recording, RECORDING_POLL);

// --- keys and colours ---------------------------------------------------------------------------------------------

addEventListener("keydown", (event) => {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (plain && event.key === "l" && !$("login").hidden) $("login").click();
});

const themes = { auto: ["◐", "as the system has it"], light: ["☀", "light"], dark: ["☾", "dark"] };

function theme(name) {
  if (name === "auto") delete root.dataset.theme;
  else root.dataset.theme = name;
  text($("theme-sign"), themes[name][0]);
  $("theme").setAttribute("aria-label", `Colours: ${themes[name][1]}`);
}

$("theme").addEventListener("click", () => {
  const names = Object.keys(themes);
  const next = names[(names.indexOf(root.dataset.theme ?? "auto") + 1) % names.length];
  theme(next);
  try {
    localStorage.setItem("theme", next);
  } catch {
    // Not kept, then.
  }
});
$("theme").hidden = false;
theme(root.dataset.theme ?? "auto");

open();
