import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isOlder, OLDEST_RAY } from "../../../../runtime/src/engine/ray/hub.ts";
import { isRayAddress, parseRayAddress } from "../../../../runtime/src/engine/ray/ray-address.ts";

test("an address names the dashboard, at its usual port unless it says another", () => {
  expect(parseRayAddress("ray://head")).toEqual({ host: "head", port: 8265 });
  expect(parseRayAddress("ray://[::1]:9000/")).toEqual({ host: "[::1]", port: 9000 });
  expect(isRayAddress("mobula://head:1")).toBe(false);
});

test("the ports that Python programs write are refused with the one that is meant", () => {
  for (const port of [10_001, 6379]) {
    expect(() => parseRayAddress(`ray://head:${port}`)).toThrow(/name the dashboard's, as in ray:\/\/head:8265/);
  }
});

test.each(["ray://", "ray://head:0", "ray://head:99999", "ray://a b:1", "ray://user@head:8265", "ray://head:8265/x"])(
  "%s is no address",
  (address) => {
    expect(() => parseRayAddress(address)).toThrow(/write ray:\/\/host:8265/);
  },
);

test("versions are compared by their numbers", () => {
  expect(isOlder("2.9.3", OLDEST_RAY)).toBe(true);
  expect(isOlder("2.57.1", OLDEST_RAY)).toBe(true);
  expect(isOlder("2.59.9", "2.60.0")).toBe(true);
  for (const version of ["2.60.0", "2.60.0rc1", "2.100.0", "3.0.0.dev0"])
    expect(isOlder(version, "2.60.0")).toBe(false);
});

test("the oldest Ray that is taken is one that the tests run with", () => {
  const file = join(import.meta.dirname, "../../../../scripts/requirements/oldest-ray.txt");
  expect(readFileSync(file, "utf8").trim()).toBe(`ray[default]==${OLDEST_RAY}`);
});
