"""How the page looks, and the little that it does: sort and filter its table of jobs."""

STYLE = """
:root { color-scheme: light dark;
  --ink: #1c2430; --soft: #5a6675; --line: #dde2e8; --paper: #fff; --tile: #f5f7f9;
  --waiting: #c3cad3; --starting: #e69f00; --staging: #56b4e9; --running: #0072b2;
  --lost: #d55e00; --asked: #d3dae2; --used: #0072b2; --code: #eef2f6; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e4e9ef; --soft: #9aa7b5; --line: #323b46; --paper: #14191f; --tile: #1c232b;
  --waiting: #5b6673; --running: #4aa3df; --staging: #8fd0f5; --lost: #ff8a4c;
  --asked: #3a4552; --used: #4aa3df; --code: #222b35; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 32px 32px 64px; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; font-weight: 650; }
h2 { font-size: 18px; margin: 40px 0 8px; font-weight: 650; }
p { margin: 4px 0 12px; max-width: 76ch; }
.soft, figcaption { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 20px 0; padding: 0; list-style: none; }
.tiles li { background: var(--tile); border-radius: 8px; padding: 12px 14px; }
.tiles b { display: block; font-size: 19px; line-height: 1.4; font-weight: 650;
  white-space: nowrap; }
.tiles span { color: var(--soft); font-size: 13px; }
figure { margin: 8px 0; }
svg { display: block; width: 100%; min-width: 680px; height: auto; font-size: 12px; }
svg text { fill: var(--soft); }
svg .name { fill: var(--ink); }
.timeline path, .timeline rect { shape-rendering: crispEdges; }
.axis line { stroke: var(--line); }
.waiting { fill: var(--waiting); background: var(--waiting); }
.starting { fill: var(--starting); background: var(--starting); }
.staging { fill: var(--staging); background: var(--staging); }
.running { fill: var(--running); background: var(--running); }
.lost { fill: var(--lost); background: var(--lost); }
.asked { fill: var(--asked); background: var(--asked); }
.used { fill: var(--used); background: var(--used); }
svg .mark { fill: var(--lost); font-weight: 700; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 8px; padding: 0;
  list-style: none; color: var(--soft); font-size: 13px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 2px;
  margin-right: 6px; vertical-align: -1px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { text-align: right; padding: 5px 8px; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th.words, td.words { text-align: left; }
td.words { max-width: 320px; overflow: hidden; text-overflow: ellipsis; }
td:first-child, th:first-child { position: sticky; left: 0; background: var(--paper); }
tfoot td { font-weight: 650; border-bottom: 0; }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--running); outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
td.bad { color: var(--lost); font-weight: 600; }
pre { background: var(--code); border-radius: 6px; padding: 8px 12px; margin: 6px 0;
  overflow-x: auto; font: 13.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; }
.advice { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 16px;
  padding: 0; list-style: none; margin: 8px 0; }
.advice li { border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
.advice h3 { margin: 0; font-size: 15px; overflow-wrap: anywhere; }
.advice p { margin: 2px 0; font-size: 13px; }
.failures { padding-left: 20px; }
.failures li { margin-bottom: 8px; overflow-wrap: anywhere; }
input[type=search] { font: inherit; color: inherit; background: var(--tile); padding: 6px 10px;
  border: 1px solid var(--line); border-radius: 6px; width: min(320px, 100%); margin: 4px 0 8px; }
.needs-script { display: none; }
.has-script .needs-script { display: block; }
footer { margin-top: 48px; color: var(--soft); font-size: 13px; }
@media print { body { padding: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; }
  svg { min-width: 0; }
  svg, .tiles, .advice li, tr { break-inside: avoid; } .has-script .needs-script { display: none; }
  * { print-color-adjust: exact; } }
@media (max-width: 760px) { body { padding: 20px 16px 40px; } h1 { font-size: 21px; }
  svg { min-width: 820px; } .tiles { grid-template-columns: 1fr 1fr; }
  .advice { grid-template-columns: 1fr; } td.words { max-width: 168px; } }
"""

SCRIPT = """
document.documentElement.classList.add("has-script");
const table = document.getElementById("jobs");
if (table) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const read = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    heads.forEach(each => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const isNumber = "number" in head.dataset, sign = down ? -1 : 1;
    const rows = [...body.rows].map(row => [row, read(row, column)]);
    rows.sort(([, a], [, b]) => {
      if (isNumber && (a === "" || b === "")) return (a === "") - (b === "");
      return sign * (isNumber ? a - b : a.localeCompare(b, undefined, {numeric: true}));
    });
    body.append(...rows.map(([row]) => row));
  }));
  document.getElementById("filter").addEventListener("input", event => {
    const words = event.target.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const row of body.rows) {
      const has = row.textContent.toLowerCase();
      row.hidden = !words.every(word => has.includes(word));
    }
  });
}
"""
