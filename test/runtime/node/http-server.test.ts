import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { refusalOf } from "../../../runtime/src/node/http-guard.ts";
import { HttpError, HttpServer } from "../../../runtime/src/node/http-server.ts";

const TOKEN = "f00d".repeat(16);
const log: string[] = [];
let server: HttpServer;
let port: number;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** As `fetch`, which chooses `Host` itself. */
function ask(
  path: string,
  { headers: more, ...options }: { method?: string; headers?: Readonly<Record<string, string | number>> } = {},
  body?: string,
): Promise<Answer> {
  const headers = { authorization: `Bearer ${TOKEN}`, ...more };
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, ...options, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Write bytes as they are, and read until the server ends the connection. */
async function askRaw(bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => {});
  socket.write(bytes);
  await once(socket, "close");
  return text;
}

function errorOf({ status, text }: Answer): { status: number; code: string } {
  return { status, code: (JSON.parse(text) as { error: { code: string } }).error.code };
}

async function refusedSocket(path: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  socket.on("error", () => {});
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
  socket.terminate();
  return response.statusCode;
}

beforeAll(async () => {
  server = new HttpServer({ token: TOKEN, hostNames: ["cluster.example"], log: (line) => log.push(line) });
  server.route("GET", "/things/:id", ({ params, query }) => ({ json: { ...params, more: query.get("more") } }));
  server.route("POST", "/things", async (call) => ({ status: 201, json: { got: await call.json() } }), {
    maxBodyBytes: 100,
  });
  server.route("GET", "/text", () => ({ text: "# metrics\n", contentType: "text/plain; version=0.0.4" }));
  server.route("GET", "/stream", () => ({
    stream: Readable.from(["one\n", "two\n"]),
    contentType: "application/x-ndjson",
  }));
  server.route("GET", "/missing", () => {
    throw new HttpError(404, "NO_SUCH_TASK", "There is no such task");
  });
  server.route("GET", "/broken", () => {
    throw new TypeError("oops");
  });
  server.webSocket(
    "/echo/:room",
    (socket, { params }) => {
      socket.on("message", (data) => socket.send(`${params["room"]}: ${(data as Buffer).toString("utf8")}`));
    },
    { maxMessageBytes: 1_000 },
  );
  ({ port } = await server.listen("127.0.0.1", 0));
});

afterAll(() => server.close());

beforeEach(() => void log.splice(0));

describe("requests with the token", () => {
  it("reach their handler with the parts of the path and the query", async () => {
    const answer = await ask("/things/a%20b?more=yes");
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({ id: "a b", more: "yes" });
  });

  it("carry bodies of JSON, and get text and streams", async () => {
    expect(await ask("/things", { method: "POST" }, '{"a":1}')).toMatchObject({ status: 201, text: '{"got":{"a":1}}' });
    expect((await ask("/text")).headers["content-type"]).toBe("text/plain; version=0.0.4");
    expect((await ask("/stream")).text).toBe("one\ntwo\n");
    expect(await ask("/things/a", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  });

  it("are told what is wrong as JSON: no such path, other methods, a handler's own word, a failure", async () => {
    expect(errorOf(await ask("/nothing"))).toEqual({ status: 404, code: "NOT_FOUND" });
    const other = await ask("/things/a", { method: "DELETE" });
    expect(errorOf(other)).toEqual({ status: 405, code: "METHOD_NOT_ALLOWED" });
    expect(other.headers["allow"]).toBe("GET");
    expect(errorOf(await ask("/missing"))).toEqual({ status: 404, code: "NO_SUCH_TASK" });
    expect(errorOf(await ask("/broken"))).toEqual({ status: 500, code: "INTERNAL" });
    expect(log.join()).toContain("GET /broken failed: TypeError: oops");
  });

  it("may come by a name that the server was given, by localhost or by an address", async () => {
    for (const host of [`cluster.example:${port}`, "localhost", "127.0.0.1:1", "[::1]:80", "10.1.2.3"]) {
      expect((await ask("/text", { headers: { host } })).status).toBe(200);
    }
  });

  it("are answered with headers that keep browsers from showing, keeping or embedding", async () => {
    expect((await ask("/text")).headers).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    });
  });
});

describe("refused, and logged", () => {
  it.each([
    ["no token", { authorization: "" }, 401, "UNAUTHORIZED"],
    ["a wrong token", { authorization: `Bearer ${"0".repeat(64)}` }, 401, "UNAUTHORIZED"],
    ["a token that begins right", { authorization: `Bearer ${TOKEN}0` }, 401, "UNAUTHORIZED"],
    ["another scheme", { authorization: `Basic ${TOKEN}` }, 401, "UNAUTHORIZED"],
    ["a page of another origin, even with the token", { origin: "https://evil.example" }, 403, "FOREIGN_ORIGIN"],
    ["a page without an origin", { origin: "null" }, 403, "FOREIGN_ORIGIN"],
    ["a name that was made to lead here", { host: "evil.example" }, 403, "UNKNOWN_HOST"],
    ["a name that begins like a known one", { host: "localhost.evil.example" }, 403, "UNKNOWN_HOST"],
    ["a name that begins like an address", { host: "127.0.0.1.evil.example" }, 403, "UNKNOWN_HOST"],
  ])("%s", async (_what, headers, status, code) => {
    const answer = await ask("/text?token=secret", { headers });
    expect(errorOf(answer)).toEqual({ status, code });
    expect(log).toEqual([expect.stringMatching(new RegExp(`^refused GET "/text" of .*: ${code}$`))]);
    expect(await refusedSocket("/echo/a", { authorization: `Bearer ${TOKEN}`, ...headers })).toBe(status);
    expect(log).toHaveLength(2);
  });

  it("a body that is too long, announced or not", async () => {
    const long = "x".repeat(200);
    const announced = await ask("/things", { method: "POST", headers: { "content-length": 200 } }, long);
    expect(errorOf(announced)).toEqual({ status: 413, code: "TOO_LARGE" });
    const chunked = await ask("/things", { method: "POST", headers: { "transfer-encoding": "chunked" } }, long);
    expect(errorOf(chunked)).toEqual({ status: 413, code: "TOO_LARGE" });
  });

  it("a body that is not JSON", async () => {
    expect(errorOf(await ask("/things", { method: "POST" }, "{"))).toEqual({ status: 400, code: "MALFORMED" });
  });

  it("what is no HTTP, headers without end, and what is meant for a proxy", async () => {
    expect(await askRaw("\x16\x03\x01\x02 hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 Bad Request/);
    expect(await askRaw(`GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(log).toHaveLength(2);
    const proxied = `GET http://x/text HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`;
    expect(await askRaw(proxied)).toMatch(/^HTTP\/1\.1 400 Bad Request/);
  });

  it("and afterwards everything goes on", async () => {
    expect((await ask("/text")).status).toBe(200);
  });
});

describe("WebSockets", () => {
  const headers = { authorization: `Bearer ${TOKEN}` };

  it("are opened on their paths", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo/kitchen`, { headers });
    await once(socket, "open");
    socket.send("hello");
    const [data] = (await once(socket, "message")) as [Buffer];
    expect(String(data)).toBe("kitchen: hello");
    socket.close();
    await once(socket, "close");
  });

  it("are refused elsewhere", async () => {
    expect(await refusedSocket("/nowhere", headers)).toBe(404);
  });

  it("end when a message is too long", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo/a`, { headers });
    await once(socket, "open");
    socket.send("x".repeat(2_000));
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(1009);
  });
});

it("no check lets an empty token through", () => {
  expect(refusalOf({ host: "localhost", authorization: "Bearer " }, { token: TOKEN, hostNames: [] })?.status).toBe(401);
});
