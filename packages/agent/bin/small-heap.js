/**
 * Makes the heap grow in small steps. By default, V8 lets it grow to several times the memory in use before it collects,
 * which suits servers; devices have less. Figures: docs/decisions/0011-memory.md.
 *
 * The young generation can't be limited here: V8 reads that limit before any script runs.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--initial-old-space-size=40");
setFlagsFromString("--heap-growing-percent=30");
