import { expect, test } from "vitest";
import { murmur2 } from "../../../kernel/src/debug/murmur2.ts";

// Computed with ipykernel's `murmur2_x86` and with the implementation in JupyterLab's debugger.
test.each([
  ["", 3990065800],
  ["a", 2167009006],
  ["ab", 2805137849],
  ["abc", 3350977461],
  ["abcd", 804720481],
  ["const x = 1;\nx", 552911769],
  ["const 🦈 = `é`", 3730156429],
])("%j has the hash that front ends compute", (text, hash) => {
  expect(murmur2(text, 0xc70f6907)).toBe(hash);
});
