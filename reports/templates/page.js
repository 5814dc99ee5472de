"use strict";
(() => {
  const say = (text) => { document.getElementById("said").textContent = text; };

  // Theme: what the system asks for, until the reader chooses.
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();
  button.setAttribute("title", "Switch between light and dark");
  button.hidden = false;

  // Tables: a button in each heading sorts by data-value, else by text; again reverses.
  const key = (row, index) => {
    const cell = row.cells[index];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  const sort = (table, heading) => {
    const index = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, index), row]);
    rows.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map((pair) => pair[1]));
    say(`sorted by ${heading.textContent.trim()}, ${down ? "descending" : "ascending"}`);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      const control = document.createElement("button");
      control.type = "button";
      control.append(...heading.childNodes);
      control.addEventListener("click", () => sort(table, heading));
      heading.append(control);
    }
  }

  // Filter: rows that hold every word that was typed stay.
  const filter = (box, input) => {
    const rows = [...box.nextElementSibling.querySelector("tbody").rows];
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const left = rows.filter((row) => !row.hidden).length;
    box.querySelector(".matches").textContent = words.length ? `${left} of ${rows.length}` : "";
    say(`${left} of ${rows.length} rows`);
  };
  for (const box of document.querySelectorAll(".filter")) {
    const input = box.querySelector("input");
    input.addEventListener("input", () => filter(box, input));
    box.hidden = false;
  }

  // Viewer: one picture over the other, uncovered by a slider or in turn.
  const view = (viewer, card) => {
    const pictures = card.querySelectorAll(".picture img");
    const [under, over] = [pictures[0], pictures[pictures.length - 1]].map((img) => img.cloneNode());
    const range = viewer.querySelector("input");
    const blink = viewer.querySelector(".blink");
    const channel = viewer.querySelector("select");
    const uncover = (share) => { over.style.clipPath = `inset(0 ${100 - share}% 0 0)`; };
    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      blink.setAttribute("aria-pressed", "false");
      uncover(range.value);
    };
    const start = () => {
      let shown = true;
      const turn = () => { shown = !shown; uncover(shown ? 100 : 0); };
      blink.setAttribute("aria-pressed", "true");
      turn();
      timer = setInterval(turn, 600);
    };
    viewer.querySelector(".stage").append(under, over);
    range.addEventListener("input", stop);
    blink.addEventListener("click", () => (timer ? stop() : start()));
    if (channel) channel.addEventListener("change", () => { card.dataset.channel = channel.value; });
    card.querySelector(".closer").addEventListener("toggle", stop);
    stop();
    viewer.hidden = false;
  };
  for (const card of document.querySelectorAll(".card:has(.closer)")) {
    const closer = card.querySelector(".closer");
    closer.addEventListener("toggle", () => view(closer.querySelector(".viewer"), card), { once: true });
  }

  // Copy: the clipboard where it is allowed, else the text is selected for the reader to copy.
  const select = (node) => {
    getSelection().selectAllChildren(node);
    return document.execCommand("copy");
  };
  for (const control of document.querySelectorAll("button.copy")) {
    const node = document.getElementById(control.dataset.copy);
    control.addEventListener("click", async () => {
      let done = true;
      try { await navigator.clipboard.writeText(node.textContent); } catch { done = select(node); }
      control.textContent = done ? "Copied" : "Selected";
      say(done ? "command copied" : "command selected");
    });
    control.hidden = false;
  }

  // Print: every table that a reader can unfold is on paper, then folded again.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open], .closer, .again)")];
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
})();
