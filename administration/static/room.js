"use strict";
// The room page updates by itself. It asks, the store answers when something changed; nothing else is sent.
// Tiles stay where they are while pointer, finger or focus is among them, for at most ten seconds.

const HELD_MS = 10000;
const PAUSE_MS = 250;
const RETRY_MS = 2000;
const LOST_MS = 15000;

const link = document.getElementById("link");
const byId = (id) => document.getElementById(id);
let lastTouch = 0;
let isPointerAmong = false;
let version = byId("board").dataset.version;
let needed = seatsInNeed(document);

function isHeld() {
  const isFocusAmong = byId("tiles").contains(document.activeElement);
  return (isPointerAmong || isFocusAmong) && Date.now() - lastTouch < HELD_MS;
}

function seatsInNeed(root) {
  return [...root.querySelectorAll('#tiles .tile[data-group="0"]')].map((tile) => tile.dataset.seat);
}

function address() {
  const query = new URLSearchParams(location.search);
  query.set("seen", version);
  return `${location.pathname.replace(/\/$/, "")}/board?${query}`;
}

async function turn() {
  let pause = PAUSE_MS;
  try {
    const answer = await fetch(address(), {
      headers: { "X-Room": "1" }, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(LOST_MS),
    });
    if (answer.status === 401) {
      location.assign("/login");
      return;
    }
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`);
    }
    version = answer.headers.get("X-Room-Version");
    take(await answer.text());
    told(false);
  } catch {
    told(true);
    pause = RETRY_MS;
  }
  setTimeout(turn, pause);
}

function told(isLost) {
  document.body.classList.toggle("lost", isLost);
  const words = isLost ? link.dataset.lost.replace("{time}", byId("board").dataset.clock) : link.dataset.live;
  if (link.lastElementChild.textContent !== words) {
    link.lastElementChild.textContent = words;
  }
}

function take(text) {
  const template = document.createElement("template");
  template.innerHTML = text;
  const board = template.content.querySelector("#board");
  announce(board);
  if (isHeld()) {
    freshen(board);
  } else {
    const back = placeOf(document.activeElement);
    const unfolded = [...document.querySelectorAll("#board details[open]")].map((each) => foldOf(each));
    if (byId("board").innerHTML === board.innerHTML) {
      byId("board").dataset.clock = board.dataset.clock;
      return;
    }
    byId("board").replaceWith(board);
    for (const fold of unfolded.map((each) => board.querySelector(each))) {
      if (fold) {
        fold.open = true;
      }
    }
    if (back && board.querySelector(back)) {
      board.querySelector(back).focus({ preventScroll: true });
    }
  }
  head();
}

// What is folded in is named by its class; where the focus is, by a selector that finds it in the next board.
function foldOf(details) {
  return `details.${details.classList.contains("menu") ? "menu" : "matters"}`;
}

function placeOf(element) {
  const fold = element && element.closest("#board details");
  if (fold) {
    return `${foldOf(fold)} summary`;
  }
  const focused = element && element.closest(".tile, .chip");
  return focused && (focused.id ? `#${focused.id} a` : `.chip[data-show="${focused.dataset.show}"]`);
}

// What stands in the tiles is brought up to date without moving any of them.
function freshen(board) {
  byId("board").dataset.clock = board.dataset.clock;
  for (const fresh of board.querySelectorAll(".tile")) {
    const here = byId(fresh.id);
    if (!here || here.contains(document.activeElement)) {
      continue;
    }
    for (const part of [".seat", ".status", ".todo"]) {
      const [old, young] = [here.querySelector(part), fresh.querySelector(part)];
      if (old && young && old.innerHTML !== young.innerHTML) {
        old.className = young.className;
        old.innerHTML = young.innerHTML;
      }
    }
  }
  byId("line").innerHTML = board.querySelector("#line").innerHTML;
  const chips = byId("board").querySelector(".filters");
  if (!chips.contains(document.activeElement)) {
    chips.innerHTML = board.querySelector(".filters").innerHTML;
  }
}

// New in "Trenger deg nå" is said once, politely; while the tiles are held the line stands above them.
function announce(board) {
  const now = seatsInNeed(board);
  const fresh = now.filter((seat) => !needed.includes(seat));
  const old = byId("news");
  if (fresh.length > 0) {
    const told = fresh.length > 1 ? link.dataset.many : link.dataset.new;
    const words = told.replace("{count}", String(fresh.length)).replace("{seats}", fresh.join(", "));
    byId("said").textContent = words;
    old.textContent = words;
    old.hidden = !isHeld();
  } else if (!isHeld()) {
    old.hidden = true;
  }
  if (!isHeld()) {
    needed = now;
  } else {
    needed = needed.filter((seat) => now.includes(seat));
  }
}

function head() {
  const board = byId("board");
  const line = byId("line");
  byId("clock").textContent = board.dataset.clock;
  byId("part").textContent = line.querySelector('[data-for="part"]').textContent;
  byId("times").innerHTML = line.querySelector('[data-for="times"]').innerHTML;
  byId("ends").textContent = line.querySelector('[data-for="ends"]').textContent;
}

for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) {
  document.addEventListener(name, (event) => {
    const tiles = byId("tiles");
    isPointerAmong = name.startsWith("pointer") ? tiles.contains(event.target) : isPointerAmong;
    if (tiles.contains(event.target)) {
      lastTouch = Date.now();
    }
  }, { passive: true });
}
document.addEventListener("pointerleave", () => { isPointerAmong = false; });

head();
turn();
