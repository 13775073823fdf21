/** The page's style sheet; no fonts or files from elsewhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fbfaf7; --card: #ffffff; --ink: #1d1f24; --soft: #565b66; --line: #e2dfd8; --map: #f1eee7;
  --none: #6b7280; --paper: #b45309; --tail: #1d4fbf; --dense: #1d1f24; --focus: #1d4fbf;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --ink: #eceae4; --soft: #a9adb7; --line: #31353e; --map: #2a2e36;
    --none: #a3a9b5; --paper: #f0a54a; --tail: #7fa8ff; --dense: #eceae4; --focus: #7fa8ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 40px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 56px 0 6px; letter-spacing: -0.005em; }
#result { margin-top: 30px; }
h3 { font-size: 1rem; margin: 0 0 8px; }
p { margin: 6px 0 14px; max-width: 74ch; }
.soft { color: var(--soft); }
.small { font-size: 0.875rem; }
.none { color: var(--none); } .paper { color: var(--paper); } .tail { color: var(--tail); } .dense { color: var(--dense); }
b.none, b.paper, b.tail, b.dense { font-weight: 650; }
code { font: 0.875em ui-monospace, monospace; background: var(--map); padding: 1px 5px; border-radius: 4px; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px; margin: 22px 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; border-top: 4px solid currentColor; }
.card > * { color: var(--ink); }
.card h3 { margin: 0; font-weight: 650; }
.card .figure { font-size: 1.75rem; font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.2; margin-top: 6px; }
.card .soft { color: var(--soft); margin: 0; }
.card dl { display: grid; grid-template-columns: 1fr auto; gap: 2px 10px; margin: 10px 0 0; font-size: 0.875rem; }
.card dt { color: var(--soft); } .card dd { margin: 0; font-variant-numeric: tabular-nums; }
.films { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 14px; align-items: start; }
.film + .film { margin-top: 8px; }
figure { margin: 0; }
figcaption { font-size: 0.875rem; margin: 6px 0 0; }
.film { width: 100%; background-size: 100% auto; background-repeat: no-repeat; border-radius: 6px; background-position: 0 calc(var(--at, 0) * 100%); }
.film.error { image-rendering: pixelated; }
.player { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 16px; margin: 12px 0 16px; }
.player input[type=range] { flex: 1 1 160px; max-width: 420px; accent-color: var(--tail); }
button, select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 4px 12px; }
select { max-width: 100%; }
button { min-width: 5em; cursor: pointer; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.scale { display: inline-flex; align-items: center; gap: 8px; font-size: 0.8125rem; color: var(--soft); margin: 10px 0; }
.scale i { display: inline-block; width: 140px; height: 10px; border-radius: 3px;
  background: linear-gradient(90deg, #00204d, #00346f, #33466c, #575d6d, #707073, #8a8678, #a69d75, #c4b669, #ffea46); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; min-width: 520px; width: 100%; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); } th[scope=row] { color: inherit; font-weight: 500; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 16px; margin: 12px 0 4px; }
.thumbs { grid-template-columns: repeat(auto-fill, minmax(116px, 1fr)); }
.maps img { width: 100%; height: auto; aspect-ratio: 1; image-rendering: pixelated; background: var(--map); border-radius: 4px; display: block; }
details { border: 1px solid var(--line); border-radius: 10px; background: var(--card); margin: 10px 0; padding: 0 16px; }
details[open] { padding-bottom: 14px; }
summary { cursor: pointer; padding: 10px 0; font-weight: 550; }
.bars { display: grid; grid-template-columns: auto 1fr auto; gap: 8px 12px; align-items: center; font-size: 0.9rem; margin: 12px 0; }
.bar { display: flex; height: 18px; border-radius: 4px; overflow: hidden; background: var(--map); }
.bar i { display: block; height: 100%; }
.bar .attend { background: var(--soft); } .bar .estimate { background: var(--paper); }
.key { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px; vertical-align: -0.05em; margin-right: 5px; }
svg { width: 100%; min-width: 540px; height: auto; display: block; overflow: visible; }
svg text { fill: var(--soft); font: 13px system-ui, sans-serif; }
svg .name { font-weight: 650; fill: currentColor; }
svg .grid { stroke: var(--line); } svg .curve { fill: none; stroke: currentColor; stroke-width: 2.5; }
svg circle { fill: currentColor; stroke: var(--page); stroke-width: 1.5; }
footer { padding: 40px 20px 60px; color: var(--soft); font-size: 0.875rem; }
@media (max-width: 800px) { .films { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (max-width: 520px) { .films, .maps { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; } .cards { grid-template-columns: 1fr; } }
@media (prefers-color-scheme: dark) { .mask { filter: brightness(1.5); } }
@media print { details { break-inside: avoid; } .player { display: none; } }
`;

/** Moves the frames; without it the page shows the first one. */
export const SCRIPT = `
for (const player of document.querySelectorAll("[data-player]")) {
  const [range, button, select] = ["input", "button", "select"].map((name) => player.querySelector(".player " + name));
  const count = Number(range.max) + 1;
  let timer = 0;
  const show = () => {
    player.style.setProperty("--at", count > 1 ? range.value / (count - 1) : 0);
    range.setAttribute("aria-valuetext", "frame " + (Number(range.value) + 1) + " of " + count);
  };
  const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
  const play = () => {
    button.textContent = "Pause";
    timer = setInterval(() => { range.value = (Number(range.value) + 1) % count; show(); }, 1000 / player.dataset.fps);
  };
  range.addEventListener("input", () => { stop(); show(); });
  button.addEventListener("click", () => (timer ? stop() : play()));
  select?.addEventListener("change", () => {
    for (const set of player.querySelectorAll("[data-set]")) set.hidden = set.dataset.set !== select.value;
  });
  show();
}
`;
