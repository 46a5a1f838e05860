// Draw the charts of a page with uPlot, each from the table behind it; uplot/README.md says why this library.
//
// A chart names its table and columns: <div class="plot" data-table="growth" data-columns="joined left">. The table's
// headings say how a column is drawn. Charts of one table share a cursor, which arrow keys move, too.

const HEIGHT = 168;
const drawn = new Map();

/** Draw every chart inside `root` that is new, or whose table changed; forget those that are gone. */
export function draw(root = document) {
  const cursors = new Map();
  for (const [place, chart] of drawn) {
    if (place.isConnected) continue;
    cursors.set(nameOf(place), chart.at);
    chart.plot.destroy();
    drawn.delete(place);
  }
  for (const place of root.querySelectorAll(".plot")) {
    const data = read(place);
    if (!data) continue;
    const known = drawn.get(place);
    if (known?.text === data.text) continue;
    known?.plot.destroy();
    drawn.set(place, make(place, data, known));
    point(place, known?.at ?? cursors.get(nameOf(place)) ?? null);
  }
}

const nameOf = ({ dataset }) => `${dataset.table} ${dataset.columns}`;

/** Put the cursor on a row, in all charts that share it. */
function point(place, index) {
  const { plot, data } = drawn.get(place);
  if (index !== null && index < data.labels.length) plot.setCursor({ left: plot.valToPos(index, "x"), top: 10 }, true, true);
}

/** The table's numbers: labels of the rows, and a series for each column of the chart. */
function read(place) {
  const table = document.getElementById(place.dataset.table);
  if (!table) return null;
  const rows = [...table.tBodies[0].rows];
  if (table.dataset.newestFirst) rows.reverse();
  if (place.dataset.first) rows.length = Math.min(rows.length, Number(place.dataset.first));
  const headings = [...table.tHead.rows[0].cells];
  const series = place.dataset.columns.split(" ").map((name) => {
    const index = headings.findIndex((heading) => heading.dataset.name === name);
    return { name: headings[index].textContent, ...headings[index].dataset, values: rows.map((row) => number(row.cells[index])) };
  });
  const labels = rows.map(({ cells: [name] }) => {
    const { short, long } = name.dataset;
    const link = name.querySelector("a");
    return { short, long: link ? `${short}, ${link.textContent}` : long ?? name.textContent };
  });
  return { labels, series, text: JSON.stringify([labels, series]) };
}

function number(cell) {
  const text = cell.dataset.value ?? cell.textContent.replaceAll(",", "");
  return text === "" ? null : Number(text);
}

function make(place, data, known) {
  const readout = known?.readout ?? document.createElement("p");
  readout.className = "readout";
  place.after(readout);
  const plot = new uPlot(options(place, data, readout), columns(data), place);
  const chart = { plot, readout, data, text: data.text, at: null };
  if (!known) handle(place);
  tell(place, readout, data, null);
  return chart;
}

const columns = ({ labels, series }) => [
  labels.map((_, index) => index),
  ...series.map(({ values, down }) => (down ? values.map((value) => (value === null ? null : -value)) : values)),
];

function options(place, data, readout) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const unit = data.series[0].unit ?? "";
  const font = "12px -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
  return {
    width: Math.max(200, place.clientWidth),
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: place.dataset.table } },
    scales: {
      x: { time: false, range: (_, least, most) => [least - 0.5, most + 0.5] },
      y: { range: (_, least, most) => range(least, most, place.dataset.fit === "yes", unit) },
    },
    axes: [
      {
        stroke: colour("muted"), font, grid: { show: false }, ticks: { show: false }, size: 28,
        splits: (chart) => ticks(data.labels.length, chart.width, place.dataset.first),
        values: (_, splits) => splits.map((index) => data.labels[index]?.short ?? ""),
      },
      {
        stroke: colour("muted"), font, size: 56, ticks: { show: false }, grid: { stroke: colour("line"), width: 1 }, space: 40,
        values: (_, splits) => splits.map((value) => shortened(Math.abs(value), unit)),
      },
    ],
    series: [{}, ...data.series.map((each) => line(each, colour(each.color), data.labels.length))],
    hooks: { setCursor: [(chart) => {
      const known = drawn.get(place);
      if (known && known.plot === chart) known.at = chart.cursor.idx ?? null;
      tell(place, readout, data, chart.cursor.idx ?? null);
    }] },
  };
}

function line({ name, draw: shape }, stroke, number) {
  const points = { show: shape === "points" || number < 3, size: 7, fill: stroke };
  if (shape === "bars") return { label: name, stroke, fill: stroke, width: 0, paths: uPlot.paths.bars({ size: [0.62, 36] }), points: { show: false } };
  if (shape === "area") return { label: name, stroke, width: 2, fill: `${stroke}22`, points };
  return { label: name, stroke, width: 2, points };
}

/** From nought, or near the lowest value where a change matters more than the whole. */
function range(least, most, fits, unit) {
  if (least === null || most === null) return [0, 1];
  if (!fits) return [Math.min(0, least * 1.1), most > 0 ? most * 1.1 : least < 0 ? 0 : 1];
  const room = Math.max((most - least) * 0.15, unit ? 0.5 : 1);
  return [Math.max(0, least - room), unit && most <= 100 ? Math.min(100.2, most + room) : most + room];
}

/** The rows that are named below: as many as there is room for, the last one of days, every sixth or so of hours. */
function ticks(number, width, isHours) {
  let every = Math.max(1, Math.ceil(number / Math.max(1, Math.floor((width - 64) / 64))));
  const list = [];
  if (isHours) {
    if (every > 1) every = 6 * Math.ceil(every / 6);
    for (let index = 0; index < number; index += every) list.push(index);
    return list;
  }
  for (let index = number - 1; index >= 0; index -= every) list.unshift(index);
  return list;
}

const written = (value, unit) => `${value.toLocaleString("en", { maximumFractionDigits: unit ? 2 : 1 })}${unit}`;
/** A number beside the axis, where there is little room: `1.005M`. */
const shortened = (value, unit) => (value < 1e5 ? written(value, unit) : value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 3 }));

/** Say what the chart shows at a row; without one, at the last, and of hours at the highest. */
function tell(place, readout, { labels, series }, at) {
  const otherwise = place.dataset.first ? series[0].values.indexOf(Math.max(...series[0].values)) : labels.length - 1;
  const index = at !== null && at < labels.length ? at : otherwise;
  const values = series.map(({ name, unit = "", values }) => `${name.toLowerCase()} ${values[index] === null ? "not known" : written(values[index], unit)}`);
  const words = values.join(", ");
  readout.textContent = labels.length ? `${words[0].toUpperCase()}${words.slice(1)} · ${labels[index].long}` : "";
  place.setAttribute("aria-valuemin", 0);
  place.setAttribute("aria-valuemax", Math.max(0, labels.length - 1));
  place.setAttribute("aria-valuenow", Math.max(0, index));
  place.setAttribute("aria-valuetext", readout.textContent);
}

/** Let keys move the cursor: a chart is read point by point, like a slider. */
function handle(place) {
  place.addEventListener("keydown", (event) => {
    const { at, data } = drawn.get(place);
    const last = data.labels.length - 1;
    const now = at ?? last;
    const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    point(place, Math.min(last, Math.max(0, next)));
  });
  place.addEventListener("blur", () => drawn.get(place)?.plot.setCursor({ left: -10, top: -10 }, true, true));
  new ResizeObserver(() => {
    const width = Math.max(200, place.clientWidth);
    const chart = drawn.get(place);
    if (chart && chart.plot.width !== width) chart.plot.setSize({ width, height: HEIGHT });
  }).observe(place);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of drawn.values()) chart.text = "";
  draw();
});
