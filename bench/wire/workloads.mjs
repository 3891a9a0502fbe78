/**
 * The workloads of the wire benches: ready metrics of 200 gauges over six windows of 10 s, one point each, in the
 * order of their windows. Seeded: the same numbers on every machine.
 */
const FIRST_WINDOW = 1_795_356_590;
const INTERVAL = 10;
const WINDOWS = 6;
const SERIES = 200;

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
 * Noise alone: `sensor.reading` of 200 units on four lines, each value 100 × a random number between 0 and 1 with
 * all its 53 bits. No value tells anything of another.
 */
export function uniformNoise(seed) {
  const random = mulberry32(seed);
  const series = Array.from({ length: SERIES }, (_, unit) => ({
    metric: "sensor.reading",
    tags: [`line:${unit % 4}`, `unit:${100 + unit}`],
    next: () => 100 * random(),
  }));
  return readings(series);
}

/**
 * As a plant has it: ten metrics of 20 units each. Each metric has a scale between 10 and 1,000, each of its units
 * a base within 10 % of that, and each value is base × (1 + 0.02 × n), n from a standard normal distribution.
 */
export function plant(seed) {
  const random = mulberry32(seed);
  const series = PLANT_METRICS.flatMap((metric) => {
    const scale = 10 * 100 ** random();
    return Array.from({ length: SERIES / PLANT_METRICS.length }, (_, unit) => {
      const base = scale * (0.9 + 0.2 * random());
      return {
        metric,
        tags: [`line:${unit % 4}`, `unit:${unit}`],
        next: () => base * (1 + 0.02 * normal(random)),
      };
    });
  });
  return readings(series);
}

function readings(series) {
  return Array.from({ length: WINDOWS }, (_, window) => FIRST_WINDOW + window * INTERVAL).flatMap((at) =>
    series.map(({ metric, tags, next }) => ({ metric, type: "gauge", tags, points: [[at, next()]] })),
  );
}

/** A standard normal deviate, by Box and Muller. */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A small seeded generator; two draws make 53 bits. */
function mulberry32(seed) {
  let state = seed;
  const draw = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return () => ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53;
}
