/**
 * Noisy gauges: 200 series over six windows of 10 s, one point each, released together.
 *
 * Nothing about a value is predictable except its range or distribution, so these are the hardest to compress.
 */
import { Source, stepAt } from "./source.mjs";

const FIRST_WINDOW = 1_795_356_590;
const INTERVAL = 10;
const WINDOWS = 6;
const SERIES = 200;
const RANGE = 100;
/** Bits of the mantissa that METRIC_PRECISION=6 keeps. */
const SIX_DIGITS_BITS = 20;

const PLANT_METRICS = [
  "plant.motor.temperature",
  "plant.motor.current",
  "plant.motor.vibration",
  "plant.motor.speed",
  "plant.pump.pressure",
  "plant.pump.flow",
  "plant.valve.position",
  "plant.tank.level",
  "plant.air.humidity",
  "plant.air.temperature",
];

/**
 * Noise alone: `sensor.reading` of 200 units on four lines, each value 100 × a random number between 0 and 1 with all
 * its 53 bits. Values are independent.
 */
export function noise(seed) {
  const source = new Source(seed);
  const series = Array.from({ length: SERIES }, (_, unit) => ({
    metric: "sensor.reading",
    tags: [`line:${unit % 4}`, `unit:${100 + unit}`],
    next: () => RANGE * source.uniform(),
  }));
  const releases = readings(series);
  const values = releases[0].records.map(({ points: [[, value]] }) => value);
  const roundedBits = values.reduce(
    (bits, value) => bits - Math.log2(stepAt(value, SIX_DIGITS_BITS) / RANGE),
    0,
  );
  return { title: "200 noisy series, six windows", releases, bits: source.bits, roundedBits };
}

/**
 * A plant's sensors: ten metrics of 20 units each. Each metric has a scale between 10 and 1,000, each of its units a
 * base within 10 % of that, and each value is base × (1 + 0.02 × n), n from a standard normal distribution.
 */
export function plant(seed) {
  const source = new Source(seed);
  const series = PLANT_METRICS.flatMap((metric) => {
    const scale = 10 * 100 ** source.uniform();
    return Array.from({ length: SERIES / PLANT_METRICS.length }, (_, unit) => {
      const base = scale * (0.9 + 0.2 * source.uniform());
      return {
        metric,
        tags: [`line:${unit % 4}`, `unit:${unit}`],
        next: () => source.normal(base, 0.02 * base),
      };
    });
  });
  // Scales and bases count as known, which lowers the floor.
  source.bits = 0;
  const releases = readings(series);
  const roundedBits = source.bits - (52 - SIX_DIGITS_BITS) * WINDOWS * SERIES;
  return { title: "A plant's 200 sensors, six windows", releases, bits: source.bits, roundedBits };
}

function readings(series) {
  const records = Array.from({ length: WINDOWS }, (_, window) => FIRST_WINDOW + window * INTERVAL).flatMap(
    (at) => series.map(({ metric, tags, next }) => ({ metric, type: "gauge", tags, points: [[at, next()]] })),
  );
  return [{ at: FIRST_WINDOW + WINDOWS * INTERVAL + 2, records }];
}
