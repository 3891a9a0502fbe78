/** Settings for records: windows, filters, aggregates, batches, and how long and how many are kept. */
import { z } from "zod";
import { HISTOGRAM_AGGREGATES } from "../wrappers/wrapper.js";
import { backlogResolution } from "./backlog-resolution.js";
import { list, someOf, text, wholeNumber } from "./kinds.js";
import { setting } from "./setting.js";

const pattern = z.string().trim().min(1).max(200);
const percentile = z.coerce.number().min(0).max(1);
const DAY = 86_400;
const TEN_YEARS = 3660 * DAY;

export const RECORDS = {
  aggregateInterval: setting(
    ["AGGREGATE_INTERVAL"],
    wholeNumber(1, 3600, "seconds"),
    10,
    "Length of a window",
  ),
  aggregateGrace: setting(
    ["AGGREGATE_GRACE"],
    wholeNumber(0, 3600, "seconds"),
    2,
    "How long a window stays open for late records after its end",
  ),
  releaseInterval: setting(
    ["RELEASE_INTERVAL"],
    wholeNumber(1, DAY, "seconds"),
    60,
    "How often metrics and logs are sent",
  ),
  bulkSize: setting(
    ["METRICS_BULK_SIZE"],
    wholeNumber(1, 100_000, "metrics"),
    10_000,
    "Maximum number of metrics per request",
  ),
  precision: setting(
    ["METRIC_PRECISION"],
    wholeNumber(1, 15, "significant digits"),
    undefined,
    "Rounds gauges and rates to this number of significant digits, to save bytes; counts stay exact",
  ),
  logsBulkSize: setting(
    ["LOGS_BULK_SIZE"],
    wholeNumber(1, 1000, "logs"),
    500,
    "Maximum number of logs per request",
  ),
  logTtl: setting(
    ["LOG_TTL"],
    wholeNumber(1, TEN_YEARS, "seconds"),
    18 * 3600,
    "Age at which an unsent log expires",
  ),
  maxDeadLetters: setting(
    ["REJECTED_MAX_RECORDS"],
    wholeNumber(0, 1_000_000, "records"),
    10_000,
    "Maximum number of dead letters to keep",
  ),
  deadLetterTtl: setting(
    ["REJECTED_TTL"],
    wholeNumber(60, TEN_YEARS, "seconds"),
    7 * DAY,
    "Age at which a dead letter expires",
  ),
  dailyByteBudget: setting(
    ["DAILY_BYTE_BUDGET"],
    wholeNumber(0, 1e15, "bytes"),
    undefined,
    "Bytes that may be on the wire per day, both ways, TLS included. As the budget runs out, low-level logs, then all logs, then collector metrics are held until the next day",
  ),
  monthlyByteBudget: setting(
    ["MONTHLY_BYTE_BUDGET"],
    wholeNumber(0, 1e15, "bytes"),
    undefined,
    "The same for a calendar month (UTC)",
  ),
  metricTtl: setting(
    ["METRIC_TTL"],
    wholeNumber(1, TEN_YEARS, "seconds"),
    4 * 3600,
    "Age at which an unsent metric expires",
  ),
  backlogResolution: setting(
    ["BACKLOG_RESOLUTION"],
    backlogResolution(),
    undefined,
    "Thins unsent metrics as they get older, e.g. 1h:60,6h:300: older than 1 h, one point for each 60 s, older than 6 h, for each 300 s. Counts add up, gauges keep the last value",
  ),
  wrapper: setting(
    ["METRICS_WRAPPER"],
    text("datadog, simple, or the path or package of a module that exports wrap"),
    "datadog",
    "How a window's records become metrics: datadog, simple, or your own module",
  ),
  metricsAllow: setting(
    ["METRICS_ALLOW"],
    list(pattern, "names of metrics, in which * stands for any characters"),
    [],
    "The only metrics to aggregate, e.g. greenhouse.*; all if it is empty",
  ),
  metricsBlock: setting(
    ["METRICS_BLOCK"],
    list(pattern, "names of metrics, in which * stands for any characters"),
    [],
    "Metrics that aren't aggregated, e.g. *.debug.*; counted as filtered",
  ),
  tagsBlock: setting(
    ["TAGS_BLOCK"],
    list(pattern, "names of tags, in which * stands for any characters"),
    [],
    "Tags to leave out before metrics are aggregated, e.g. request_id",
  ),
  histogramAggregates: setting(
    ["HISTOGRAM_AGGREGATES"],
    someOf(HISTOGRAM_AGGREGATES),
    ["max", "median", "avg", "count"] as const,
    "Aggregates to send for a histogram",
  ),
  histogramPercentiles: setting(
    ["HISTOGRAM_PERCENTILES"],
    list(percentile, "numbers from 0 to 1, such as 0.95"),
    [0.95],
    "Percentiles to send for a histogram",
  ),
} as const;
