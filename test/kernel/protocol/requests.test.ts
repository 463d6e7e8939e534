import { expect, test } from "vitest";
import { readRequest } from "../../../kernel/src/protocol/requests.ts";

test("an execute request gets the specification's defaults", () => {
  expect(readRequest("execute_request", { code: "1" })).toEqual({
    type: "execute_request",
    content: {
      code: "1",
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: true,
      stop_on_error: true,
    },
  });
});

test("a silent request is never stored in the history", () => {
  const request = readRequest("execute_request", { code: "1", silent: true, store_history: true });
  expect(request).toMatchObject({ content: { silent: true, store_history: false } });
});

test("a field of the wrong type is named", () => {
  expect(() => readRequest("execute_request", {})).toThrow("'code' must be a string");
  expect(() => readRequest("execute_request", { code: "", silent: "no" })).toThrow("'silent' must be true or false");
  expect(() => readRequest("complete_request", { code: "", cursor_pos: "1" })).toThrow("'cursor_pos'");
  expect(() => readRequest("comm_msg", { data: {} })).toThrow("'comm_id'");
  expect(() => readRequest("comm_msg", { comm_id: "1", data: [] })).toThrow("'data' must be an object");
  expect(() => readRequest("history_request", { hist_access_type: "all" })).toThrow("'hist_access_type'");
});

test("a null, which some clients send for a field they do not use, counts as absent", () => {
  expect(readRequest("history_request", { hist_access_type: "range", session: 0, start: 1, stop: null })).toEqual({
    type: "history_request",
    content: { output: false, raw: true, hist_access_type: "range", session: 0, start: 1 },
  });
});

test("an unknown type is told apart from a broken one", () => {
  expect(readRequest("connect_request", {})).toBeUndefined();
});
