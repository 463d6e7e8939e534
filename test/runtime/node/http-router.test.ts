import { expect, it } from "vitest";
import { Router } from "../../../runtime/src/node/http-router.ts";

const router = new Router<string>();
router.add("GET", "/api/tasks/:id", "one task");
router.add("GET", "/api/tasks/summary", "summary");
router.add("DELETE", "/api/tasks/:id", "cancel");
router.add("GET", "/api/:kind/:id/logs", "logs");

it("finds a handler and names the parts of the path", () => {
  expect(router.find("GET", "/api/tasks/d.3")).toEqual({ handler: "one task", params: { id: "d.3" } });
  expect(router.find("GET", "/api/actors/a%2Fb/logs")).toEqual({
    handler: "logs",
    params: { kind: "actors", id: "a/b" },
  });
});

it("prefers words to names", () => {
  expect(router.find("GET", "/api/tasks/summary")).toEqual({ handler: "summary", params: {} });
});

it("tells the methods of a path that has others", () => {
  expect(router.find("POST", "/api/tasks/d.3")).toEqual({ allowed: ["GET", "DELETE"] });
});

it.each(["/api/tasks", "/api/tasks/", "/api/tasks/%zz", "/api/tasks/a/b", "//api/tasks/a", ""])(
  "finds nothing at %j",
  (path) => {
    expect(router.find("GET", path)).toEqual({ allowed: [] });
  },
);

it("refuses a second handler for a path", () => {
  expect(() => router.add("GET", "/api/tasks/:name", "again")).toThrow("GET /api/tasks/:name has a handler already");
});
