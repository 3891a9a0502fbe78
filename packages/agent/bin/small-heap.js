/**
 * Has the heap grow in small steps. By default V8 lets it grow to several times what is in use before it collects,
 * by the memory of a server; devices have less. Figures: docs/decisions/0011-memory.md.
 *
 * The young space can't be bounded here: V8 reads its limit before any program does anything.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--initial-old-space-size=40");
setFlagsFromString("--heap-growing-percent=30");
