#!/usr/bin/env node
// First of all: what is loaded after it is part of the heap.
import "./small-heap.js";
import { main } from "../dist/cli/main.js";

await main(process.argv);
