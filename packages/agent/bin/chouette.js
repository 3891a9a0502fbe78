#!/usr/bin/env node
// Must be imported first: the limits apply to what is loaded after it.
import "./small-heap.js";
import { main } from "../dist/cli/main.js";

await main(process.argv);
