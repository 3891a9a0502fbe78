/**
 * A host's metrics over a day: synthetic data like that of the host collector with most of its metrics, every 30 s.
 *
 * Each series continues from its last value by a random draw that can be recovered from the two, so the information in
 * the draws equals that in the values. Some have none: free space is the remainder, uptime just increases.
 */
import { Source } from "./source.mjs";

const MIDNIGHT = 1_795_305_600;
const CAPTURE_INTERVAL = 30;
const RELEASE_INTERVAL = 60;
const HOUR = 3_600;
const PAGE = 4_096;
const SECTOR = 512;
const MEMORY = 4_080_218_112;
const DISK = 31_268_536_320;
const INODES = 1_933_312;

/** @param {number} hours how much of the day */
export function hostOfADay(seed, hours = 24) {
  const { bits, rounds } = capture(seed, hours);
  const perRelease = RELEASE_INTERVAL / CAPTURE_INTERVAL;
  const releases = Array.from({ length: rounds.length / perRelease }, (_, index) => {
    const released = rounds.slice(index * perRelease, (index + 1) * perRelease);
    return { at: released.at(-1).at + 1, records: released.flatMap(({ metrics }) => metrics) };
  });
  return { title: `A host's metrics over ${hours} h, a release every minute`, releases, bits };
}

/** The same after an outage of that length: all in one release. */
export function hostAfterOutage(seed, hours = 24) {
  const { title, releases, bits } = hostOfADay(seed, hours);
  const records = releases.flatMap((release) => release.records);
  return {
    title: `${title.split(",")[0]}, in one release after an outage`,
    releases: [{ at: releases[releases.length - 1].at, records }],
    bits,
  };
}

function capture(seed, hours) {
  const source = new Source(seed);
  const series = hostSeries(source);
  const rounds = [];
  for (let past = CAPTURE_INTERVAL; past <= hours * HOUR; past += CAPTURE_INTERVAL) {
    const at = MIDNIGHT + past;
    // Busiest in the afternoon.
    const busy = 1 + 0.8 * Math.sin((2 * Math.PI * (past / HOUR - 9)) / 24);
    const metrics = series.map(({ metric, type = "gauge", tags = [], next }) => ({
      ...{ metric: `Chouette.host.${metric}`, type, tags, points: [[at, next(busy)]] },
      ...(type === "gauge" ? {} : { interval: CAPTURE_INTERVAL }),
    }));
    rounds.push({ at, metrics });
  }
  return { bits: source.bits, rounds };
}

/** The series of a host; `next(busy)` is a series' next value, given how busy the host is: 1 on average. @param {Source} source */
export function hostSeries(source) {
  /** Decays by a fraction and gains a random amount. */
  const decaying = (kept, mean) => {
    let value = 0;
    return (busy) => {
      value = Math.floor(kept * value) + source.count(mean * busy);
      return value;
    };
  };
  /** Wanders around its first value. */
  const wandering = (first, mean) => {
    let value = first;
    return () => {
      value += source.step(mean) - Math.round((value - first) / 50);
      return value;
    };
  };
  const growing = (first, mean) => {
    let value = first;
    return (busy) => {
      value += source.count(mean * busy);
      return value;
    };
  };
  const times = (factor, next) => (busy) => next(busy) * factor;
  const hundredths = (next) => (busy) => next(busy) / 100;
  const tenths = (next) => (busy) => next(busy) / 10;
  const memory = remembered(wandering(280_000, 150));
  const disk = remembered(growing(3_100_000, 12));
  const inodes = remembered(wandering(212_400, 2));
  const uptime = remembered(() => uptime.last + CAPTURE_INTERVAL, 402_311);
  return [
    { metric: "cpu.percentage", next: tenths(decaying(0.5, 33)) },
    ...[0, 1, 2, 3].map((core) => ({
      metric: "cpu.core.percentage",
      tags: [`core:${core}`],
      next: tenths(decaying(0.5, 33)),
    })),
    { metric: "memory.used", next: times(PAGE, memory) },
    { metric: "memory.available", next: () => MEMORY - PAGE * (memory.last + source.step(40)) },
    { metric: "la", tags: ["period:1m"], next: hundredths(decaying(0.6, 12)) },
    { metric: "la", tags: ["period:5m"], next: hundredths(decaying(0.9, 3)) },
    { metric: "la", tags: ["period:15m"], next: hundredths(decaying(0.96, 1)) },
    { metric: "fs.used", tags: ["device:/dev/mmcblk0p2"], next: times(PAGE, disk) },
    { metric: "fs.free", tags: ["device:/dev/mmcblk0p2"], next: () => DISK - PAGE * disk.last },
    { metric: "fs.inodes.used", tags: ["device:/dev/mmcblk0p2"], next: inodes },
    { metric: "fs.inodes.free", tags: ["device:/dev/mmcblk0p2"], next: () => INODES - inodes.last },
    { metric: "network.bytes.sent", tags: ["iface:eth0"], next: growing(18_551_612, 60_000) },
    { metric: "network.bytes.recv", tags: ["iface:eth0"], next: growing(575_820_096, 250_000) },
    { metric: "disk.read", type: "count", tags: ["device:mmcblk0"], next: times(SECTOR, decaying(0, 2)) },
    {
      metric: "disk.written",
      type: "count",
      tags: ["device:mmcblk0"],
      next: times(SECTOR, decaying(0, 300)),
    },
    { metric: "processes.running", next: decaying(0, 1.2) },
    { metric: "processes.total", next: wandering(141, 0.4) },
    { metric: "uptime", next: uptime },
    { metric: "pressure", tags: ["resource:cpu", "share:some"], next: hundredths(decaying(0.7, 20)) },
    { metric: "pressure", tags: ["resource:io", "share:some"], next: hundredths(decaying(0.7, 4)) },
    { metric: "pressure", tags: ["resource:memory", "share:some"], next: hundredths(decaying(0, 0.02)) },
  ];
}

/** Remembers its last value, for series that are derived from it. */
function remembered(next, last = 0) {
  const remembering = (busy) => {
    remembering.last = next(busy);
    return remembering.last;
  };
  remembering.last = last;
  return remembering;
}
