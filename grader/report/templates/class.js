"use strict";
// Sorts tables by their header buttons, filters students by what their row of the table says,
// and names the cells of the heat map. The page is complete without it.
const tables = [...document.querySelectorAll("table.sortable")];
const verdicts = new Map([...document.querySelectorAll("[data-sign]")].map(item => [item.dataset.sign, item.dataset.verdict]));
const order = [...verdicts.keys()];

function sortBy(table, header) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  const key = row => {
    const text = row.cells[header.cellIndex].textContent.trim();
    if (verdicts.has(text)) return order.length - order.indexOf(text);
    return text === "" ? -1 : Number.isNaN(Number(text)) ? text : Number(text);
  };
  const compare = (a, b) => typeof a === typeof b && typeof a === "number" ? a - b
    : String(a).localeCompare(String(b), undefined, { numeric: true });
  const rows = [...table.tBodies[0].rows].map(row => [key(row), row]);
  rows.sort((a, b) => (ascending ? 1 : -1) * compare(a[0], b[0]));
  table.querySelectorAll("[aria-sort]").forEach(other => other.setAttribute("aria-sort", "none"));
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

for (const table of tables)
  for (const button of table.querySelectorAll("th button"))
    button.addEventListener("click", () => sortBy(table, button.parentElement));

const filter = document.getElementById("filter");
filter?.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const students = document.getElementById("students").tBodies[0].rows;
  const shown = new Set();
  for (const row of students) {
    const text = [...row.cells].map(cell => cell.textContent).join(" ").toLowerCase();
    if (words.every(word => text.includes(word))) shown.add(row.dataset.row);
  }
  for (const row of document.querySelectorAll("[data-row]")) row.hidden = !shown.has(row.dataset.row);
  document.getElementById("shown").textContent = `${shown.size} of ${students.length} students`;
});

// A mistake's name shows the students who made it; a hard step's name brings those who failed it to the top.
for (const link of document.querySelectorAll("[data-find]"))
  link.addEventListener("click", () => {
    filter.value = link.dataset.find;
    filter.dispatchEvent(new Event("input"));
  });
for (const link of document.querySelectorAll("[data-sort]"))
  link.addEventListener("click", () => {
    const header = document.querySelector(`[data-step="${CSS.escape(link.dataset.sort)}"]`);
    header.setAttribute("aria-sort", "none");
    sortBy(document.getElementById("heat"), header);
  });

const heat = document.getElementById("heat");
const steps = heat ? [...heat.tHead.rows[1].cells] : [];
heat?.addEventListener("mouseover", event => {
  const cell = event.target.closest("tbody td");
  const step = cell && steps[cell.cellIndex].dataset.step;
  if (step && !cell.title)
    cell.title = `${cell.parentElement.cells[0].textContent.trim()}, ${step}: ${verdicts.get(cell.textContent) ?? "no result"}`;
});
heat?.addEventListener("click", event => {
  const cell = event.target.closest("tbody td");
  const step = cell && steps[cell.cellIndex].dataset.step;
  if (step) location.href = `${cell.parentElement.querySelector("a").getAttribute("href")}#${step}`;
});
