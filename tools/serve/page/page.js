"use strict";

const SECONDS = 120; // more than the server's longest queue takes
const element = id => document.getElementById(id);
const styles = new Map(
  [...document.querySelectorAll("#legend mark")].map(mark => [mark.dataset.label, mark.className])
);
let answer = "";

/** Make an element whose content is text, never markup. */
function make(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Show a text with its names. The server counts code points, JavaScript UTF-16 units: an emoji is one or two. */
function showNames({ text, entities }) {
  const points = Array.from(text);
  const slice = (start, end) => points.slice(start, end).join("");
  const outer = entities.filter(one => one.level !== "inner");
  const inside = new Map(outer.map(one => [one, []]));
  const shown = [...outer];
  const apart = []; // across the border of an outer name: such marks cannot nest
  for (const one of entities.filter(one => one.level === "inner")) {
    const around = outer.find(other => other.start < one.end && one.start < other.end);
    const group = !around ? shown : around.start <= one.start && one.end <= around.end ? inside.get(around) : apart;
    group.push(one);
  }
  const cut = (start, end, names) => {
    const parts = [];
    for (const name of names.sort((a, b) => a.start - b.start)) {
      parts.push(slice(start, name.start), mark(name));
      start = name.end;
    }
    return [...parts, slice(start, end)];
  };
  const mark = one => {
    const within = inside.get(one) ?? [];
    const isInner = one.level === "inner";
    const style = [styles.get(one.label) ?? "", isInner ? "inner" : "", within.length ? "around" : ""];
    const made = make("mark", "", { class: style.filter(Boolean).join(" ") });
    const small = make("small", ` ${one.label} ${one.score.toFixed(2)}`); // the blank parts them for a screen reader
    if (isInner) small.prepend(make("span", " inner", { class: "unseen" }));
    made.append(...cut(one.start, one.end, within), small);
    return made;
  };
  element("marked").replaceChildren(
    ...cut(0, points.length, shown), ...apart.flatMap(one => [" also ", mark(one)])
  );
  const hasLevels = entities.some(one => one.level);
  element("level-heading").hidden = !hasLevels;
  element("rows").replaceChildren(...entities.map(({ start, end, label, score, level }) => {
    const row = document.createElement("tr");
    row.append(make("th", slice(start, end), { scope: "row", lang: "de" }), make("td", label, { class: "text" }));
    if (hasLevels) row.append(make("td", level, { class: "text" }));
    row.append(make("td", score.toFixed(4)), make("td", `${start}–${end}`));
    return row;
  }));
  element("result").hidden = false;
}

/** Ask the server for the names of a text, with an error that tells the reader what to do. */
async function fetchNames(text) {
  let response;
  try {
    response = await fetch("predict", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
  } catch (error) {
    throw new Error(
      error.name === "TimeoutError" ? `No answer within ${SECONDS} seconds.` : "The server does not answer."
    );
  }
  const body = await response.text();
  if (response.ok) return JSON.parse(body);
  let detail = response.statusText;
  try {
    detail = JSON.parse(body).detail;
  } catch {
    // A proxy between may answer in HTML: its status has to do.
  }
  throw new Error(`${detail} (${response.status})`);
}

async function send(event) {
  event.preventDefault();
  const button = element("send");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // `disabled` would take the focus away
  element("error").textContent = "";
  element("copied").textContent = "";
  element("status").textContent = "Looking for entities …";
  element("result").setAttribute("aria-busy", "true");
  try {
    // Half of a surrogate pair cannot be written in UTF-8; the replacement is of the same length.
    const found = await fetchNames(element("text").value.toWellFormed());
    answer = JSON.stringify(found, null, 2);
    element("json").textContent = answer;
    showNames(found);
    const n = found.entities.length;
    element("status").textContent = n === 0 ? "No entity found." : n === 1 ? "1 entity found." : `${n} entities found.`;
  } catch (error) {
    element("result").hidden = true; // it belongs to another text
    element("status").textContent = "";
    element("error").textContent = error.message;
  } finally {
    element("result").removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(answer);
    element("copied").textContent = "Copied.";
  } catch {
    // Browsers keep the clipboard from pages that come over plain HTTP from another machine.
    element("details").open = true;
    getSelection().selectAllChildren(element("json"));
    element("copied").textContent = "The browser refuses: the JSON is selected, press Ctrl and C.";
  }
}

element("form").addEventListener("submit", send);
element("text").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element("form").requestSubmit();
});
element("copy").addEventListener("click", copy);
for (const origin of document.querySelectorAll(".origin")) origin.textContent = new URL(".", location.href).href;
