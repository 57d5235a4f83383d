// What the charts show: the last hour as it was kept, and from then on what comes.
import { api, session } from "/shell/api.js";

const HOUR_SECONDS = 3600;
const STEP_SECONDS = 12;

const sumOf = (seen, field) => seen.queues.reduce((sum, queue) => sum + queue[field], 0);
const COLUMNS = {
  searchable: { metric: "documents_finished_rate", labels: { state: "searchable" }, times: 60, now: (seen) => seen.searchable_per_minute },
  failed: { metric: "documents_finished_rate", labels: { state: "failed" }, times: 60, now: (seen) => seen.failed_per_minute },
  waiting: { metric: "jobs_waiting", now: (seen) => sumOf(seen, "waiting") },
  running: { metric: "jobs_running", now: (seen) => sumOf(seen, "running") },
  search50: { metric: "search_recent_seconds", labels: { percentile: "50" }, now: (seen) => seen.searches.seconds_p50 },
  search95: { metric: "search_recent_seconds", labels: { percentile: "95" }, now: (seen) => seen.searches.seconds_p95 },
  memory: { metric: "process_memory_bytes", now: (seen) => seen.system.memory_bytes },
};

/** Rows of (seconds since 1970, one value a column), oldest first; `of(...columns)` is what a chart takes. */
export function past(summary) {
  const names = Object.keys(COLUMNS);
  const rows = [];
  const changed = new Set();

  summary.each((seen) => {
    const time = Date.parse(seen.at) / 1000;
    if (rows.length && time <= rows.at(-1).time) return;
    rows.push({ time, ...Object.fromEntries(names.map((name) => [name, COLUMNS[name].now(seen)])) });
    const first = rows.findIndex((row) => row.time >= time - HOUR_SECONDS);
    rows.splice(0, first);
    changed.forEach((listener) => listener());
  });
  read(names).then((kept) => {
    rows.unshift(...kept.filter((row) => !rows.length || row.time < rows[0].time));
    changed.forEach((listener) => listener());
  });

  return {
    of: (...columns) => [rows.map((row) => row.time), ...columns.map((name) => rows.map((row) => row[name] ?? null))],
    changes(listener) {
      changed.add(listener);
      listener();
      return () => changed.delete(listener);
    },
  };
}

/** Without what cannot be had: the charts then begin now. */
async function read(names) {
  // What was kept is of the whole installation: who may not see all of it is not refused, but does not ask.
  if ((await session()).collections !== null) return [];
  const metrics = [...new Set(names.map((name) => COLUMNS[name].metric))];
  const found = Object.fromEntries(await Promise.all(metrics.map(async (metric) => [metric,
    await api.get(`/api/v1/monitor/metrics/${metric}`, { query: { step: STEP_SECONDS } }).then((body) => body.series, () => [])])));
  const rows = new Map();
  for (const name of names) {
    const { metric, labels = {}, times = 1 } = COLUMNS[name];
    const series = found[metric].filter((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value));
    // Of several processes each has its own memory; the summary is of one of them.
    if (new Set(series.map((one) => one.labels.instance)).size > 1) continue;
    for (const [time, mean] of series.flatMap((one) => one.points)) {
      const row = rows.get(time) ?? { time };
      row[name] = (row[name] ?? 0) + mean * times;
      rows.set(time, row);
    }
  }
  return [...rows.values()].sort((one, other) => one.time - other.time);
}
