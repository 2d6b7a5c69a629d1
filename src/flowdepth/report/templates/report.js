(() => {
"use strict";
const all = (query, root = document) => [...root.querySelectorAll(query)];
const one = (query, root = document) => root.querySelector(query);

// What is looked at; the address's fragment holds it.
const view = { seed: "", compare: "", depth: "", image: "", sort: "", at: "" };
const NEAR = { mouse: 14, touch: 28, pen: 20 };

const page = document.documentElement;
page.classList.add("scripted");
for (const tool of all("[data-tool]")) tool.hidden = false;

// Marks: pointed at, tapped, or walked through by keys.
const told = document.createElement("div");
told.id = "told";
told.setAttribute("aria-hidden", "true");
document.body.append(told);
let pointed = null;

function tell(mark) {
  if (mark === pointed) return;
  pointed?.classList.remove("pointed");
  pointed = mark;
  told.classList.toggle("shown", Boolean(mark));
  if (!mark) return;
  mark.classList.add("pointed");
  told.textContent = mark.getAttribute("aria-label");
  const place = mark.getBoundingClientRect();
  const left = place.left + place.width / 2 - told.offsetWidth / 2;
  told.style.left = `${Math.max(8, Math.min(left, page.clientWidth - told.offsetWidth - 8))}px`;
  const above = place.top - told.offsetHeight - 8;
  told.style.top = `${above > 8 ? above : place.bottom + 8}px`;
}

function distance(mark, x, y) {
  const box = mark.getBoundingClientRect();
  const away = (low, high, at) => Math.max(low - at, 0, at - high);
  return Math.hypot(away(box.left, box.right, x), away(box.top, box.bottom, y));
}

function nearest(marks, event) {
  let best = null, least = NEAR[event.pointerType] ?? NEAR.mouse;
  for (const mark of marks) {
    const found = distance(mark, event.clientX, event.clientY);
    // Of two that are under the pointer the smaller one is meant, which is drawn later.
    if (found < least || (best && found === least)) { best = mark; least = found; }
  }
  return best;
}

const isSeed = (mark) => /^\d+$/.test(mark?.dataset.which ?? "");
function follow(mark) {
  if (isSeed(mark)) choose("seed", view.seed === mark.dataset.which ? "" : mark.dataset.which, mark);
}

const steps = {
  ArrowDown: (marks, at) => marks[at + 1], ArrowUp: (marks, at) => marks[at - 1],
  Home: (marks) => marks[0], End: (marks) => marks.at(-1),
  ArrowRight: (marks, at) => alike(marks, at, 1), ArrowLeft: (marks, at) => alike(marks, at, -1),
};

// The mark of the same quantity and seed at the next depth.
function alike(marks, at, side) {
  const { quantity, which } = marks[at].dataset;
  const row = marks.filter((m) => m.dataset.quantity === quantity && m.dataset.which === which)
    .sort((a, b) => a.dataset.depth - b.dataset.depth);
  return row[row.indexOf(marks[at]) + side];
}

function walk(marks, event) {
  const at = marks.indexOf(event.target);
  if (at < 0) return;
  if (event.key === "Enter" || event.key === " ") follow(marks[at]);
  else if (event.key === "Escape") { tell(null); choose("seed", "", marks[at]); }
  else if (event.key in steps) steps[event.key](marks, at)?.focus();
  else return;
  event.preventDefault();
}

for (const figure of all("svg.lines")) {
  const marks = all("[aria-label][data-which]", figure);
  if (!marks.length) continue;
  marks[0].setAttribute("tabindex", "0");
  for (const kind of ["pointermove", "pointerdown"])
    figure.addEventListener(kind, (event) => tell(nearest(marks, event)));
  figure.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && tell(null));
  figure.addEventListener("click", (event) => follow(nearest(marks, event)));
  figure.addEventListener("keydown", (event) => walk(marks, event));
  figure.addEventListener("focusin", (event) => {
    for (const mark of marks) mark.setAttribute("tabindex", mark === event.target ? "0" : "-1");
    if (event.target.matches(":focus-visible")) tell(event.target);
  });
  figure.addEventListener("focusout", () => tell(null));
}
addEventListener("scroll", () => tell(null), { passive: true });

// One seed through all depths and figures.
function showSeed() {
  for (const line of all(".seedline")) line.remove();
  for (const mark of all("svg.lines [data-which]")) {
    mark.classList.toggle("chosen", isSeed(mark) && mark.dataset.which === view.seed);
    mark.classList.toggle("faded", isSeed(mark) && view.seed !== "" && mark.dataset.which !== view.seed);
  }
  if (view.seed !== "") all("svg.lines").forEach(join);
}

function join(figure) {
  const lines = {};
  for (const mark of all(".chosen", figure)) {
    const dot = one("use[x]", mark);
    if (dot) (lines[mark.dataset.quantity] ??= []).push([+mark.dataset.depth, dot.getAttribute("x"), dot.getAttribute("y")]);
  }
  for (const points of Object.values(lines)) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("class", "seedline");
    line.setAttribute("points", points.sort((a, b) => a[0] - b[0]).map(([, x, y]) => `${x},${y}`).join(" "));
    figure.append(line);
  }
}

// The depth to compare with; each table was computed with the study.
function showCompared() {
  const tables = all("[data-compare]");
  const wanted = tables.some((t) => t.dataset.compare === view.compare) ? view.compare : tables[0]?.dataset.compare;
  for (const table of tables) table.hidden = table.dataset.compare !== wanted;
}

// One depth's images, or all.
const slider = one("#depth");
const depths = all("#reconstructions [data-row]").map((row) => row.dataset.row);
function showDepth() {
  for (const row of all("[data-row]")) row.hidden = view.depth !== "" && row.dataset.row !== view.depth;
  if (!slider) return;
  const text = view.depth === "" ? "all depths" : `K = ${view.depth}`;
  slider.value = depths.indexOf(view.depth);
  slider.setAttribute("aria-valuetext", text);
  one("#depth-shown").textContent = text;
}

// A test image and what each depth makes of it.
for (const tile of all("img[data-image]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.image = tile.dataset.image;
  tile.replaceWith(button);
  button.append(tile);
  button.addEventListener("click", () => choose("image", view.image === tile.dataset.image ? "" : tile.dataset.image, button));
}
function showImage() {
  for (const button of all("button[data-image]")) button.setAttribute("aria-pressed", button.dataset.image === view.image);
  for (const table of all("[data-estimates]")) table.hidden = table.dataset.estimates !== view.image;
}

// Tables, sorted by a column.
const grids = all(".wide table");
const number = (cell) => {
  const found = cell.replace(/[,\u00a0]/g, "").replace(/\u2212/g, "-").match(/-?\d+(\.\d+)?/);
  return found ? +found[0] - (cell.trim().startsWith("<") ? 1e-9 : 0) : null;
};
const compareCells = (a, b) => {
  const x = number(a);
  return x === null ? a.localeCompare(b) : x - number(b);
};
grids.forEach((table, index) => {
  const body = table.tBodies[0];
  table.rowsAsWritten = [...body.rows];
  all("thead th", table).forEach((head, column) => {
    if (one(".bar", body.rows[0]?.cells[column] ?? body)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const next = { ascending: "down", descending: "" }[now] ?? "up";
      choose("sort", next && `${index}.${column}.${next}`, table);
    });
  });
});
function showSorted() {
  const [index, column, way] = view.sort.split(".");
  grids.forEach((table, i) => {
    const isSorted = view.sort !== "" && i === +index;
    all("thead th", table).forEach((head, c) => {
      if (isSorted && c === +column) head.setAttribute("aria-sort", way === "down" ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const rows = [...table.rowsAsWritten], text = (row) => row.cells[column]?.textContent ?? "";
    if (isSorted) rows.sort((a, b) => {
      const known = (number(text(a)) === null) - (number(text(b)) === null);
      return known || compareCells(text(a), text(b)) * (way === "down" ? -1 : 1);
    });
    table.tBodies[0].append(...rows);
  });
}

// Seeds on demand, and the figure as a file.
for (const box of all("[data-seeds]")) {
  const figure = box.closest("figure");
  box.addEventListener("change", () => figure.classList.toggle("seeds", box.checked));
}
for (const link of all("[data-svg]")) {
  link.addEventListener("click", () => {
    const drawn = one("svg.lines", link.closest("figure")).cloneNode(true);
    for (const line of all(".seedline", drawn)) line.remove();
    for (const mark of all(".faded, .chosen, .pointed", drawn)) mark.removeAttribute("class");
    const css = document.createElementNS("http://www.w3.org/2000/svg", "style");
    css.textContent = "*{stroke-linejoin:round;stroke-linecap:butt}";
    drawn.prepend(css);
    link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(drawn)], { type: "image/svg+xml" }));
  });
}

const show = () => [showSeed, showCompared, showDepth, showImage, showSorted].forEach((part) => part());
function choose(name, value, from) {
  view[name] = value;
  view.at = from?.closest("section")?.id ?? view.at;
  for (const field of all(`[data-choose="${name}"]`)) if (field !== from) field.value = value;
  show();
  const kept = Object.entries(view).filter(([key, text]) => text !== "" && key !== "at");
  if (kept.length) kept.push(["at", view.at]);
  history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
}

function read() {
  const text = location.hash.slice(1);
  if (text !== "" && !text.includes("=")) return;
  const told = new URLSearchParams(text);
  for (const name in view) view[name] = told.get(name) ?? "";
  for (const field of all("[data-choose]")) {
    field.value = view[field.dataset.choose];
    if (field.selectedIndex < 0) field.selectedIndex = 0;
  }
  show();
  document.getElementById(view.at)?.scrollIntoView();
}

for (const field of all("[data-choose]"))
  field.addEventListener("change", () => choose(field.dataset.choose, field.value, field));
slider?.addEventListener("input", () => choose("depth", depths[slider.value] ?? "", slider));
addEventListener("hashchange", read);
read();
})();
