#!/usr/bin/env node
// A file of its own, because npm links commands before dist/ is built.
import "../dist/cli/main.js";
