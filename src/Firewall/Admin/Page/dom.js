// What the views have in common: elements, tables that keep their rows, and work that is done again and again.

/** The element with an id. */
export const find = id => document.getElementById(id);

/** A new element. Text is always text: nothing of what the appliance says is taken for markup. */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "className" || name.startsWith("on") || name === "type" || name === "colSpan") made[name] = value;
    else made.setAttribute(name, value);
  }

  made.append(...children);
  return made;
}

/** Sets an element's text if it is another one, so that what a person has marked stays so. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes a table's body show items: a row that is there already is kept and changed in place, so that focus and marks stay.
 * Cells are texts, elements made once (functions), or { text, className }.
 */
export function fill(body, items, keyOf, cellsOf) {
  const labels = [...body.parentElement.tHead.rows[0].cells];
  const keys = new Set(items.map(keyOf));
  for (const row of [...body.rows]) if (!keys.has(row.dataset.key)) row.remove();
  const rows = new Map([...body.rows].map(row => [row.dataset.key, row]));
  let place = body.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const cells = cellsOf(item);
    const row = rows.get(key) ?? make("tr", { "data-key": key }, ...cells.map((cell, i) => make(
      "td", { "data-label": labels[i].textContent }, ...(typeof cell === "function" ? [cell()] : []))));
    cells.forEach((cell, i) => {
      row.cells[i].className = `${labels[i].className} ${cell?.className ?? ""}`.trim();
      if (typeof cell !== "function") say(row.cells[i], cell?.text ?? cell ?? "");
    });
    if (row === place) place = place.nextElementSibling;
    else body.insertBefore(row, place);
  }
}

/** Does work now and then again after each pause, until the signal; not while nobody looks. Tells the first problem of a row of them. */
export async function every(milliseconds, signal, work, problem) {
  while (!signal.aborted) {
    if (!document.hidden) {
      try {
        await work(signal);
        problem(null);
      } catch (error) {
        if (signal.aborted) return;
        problem(error);
      }
    }

    await pause(milliseconds, signal);
  }
}

/** Waits; ends early with the signal. */
export const pause = (milliseconds, signal) => new Promise(resolve => {
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});
